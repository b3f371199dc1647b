"""A pytest plugin: who only asks whether a property test fails need not wait for the smallest example."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "first-failure",
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
