"""The named customers: what each does, and what is promised to come of it. Read it as the screenplay.

Day 1 opens at 10:00. Baskets are left around noon; the journey (infra/journeys/abandoned-cart.yaml) speaks up an hour
later: push, after 4 h e-mail, after 20 h more SMS, and never between 21:00 and 09:00 of the customer's own clock.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from infra.demo.people import Act, Moment, Person, RunPromise
from infra.demo.shop import Shop

MAIL: Final = "example.com"


def _act(
    at: str, place: str, said: str, do: Callable[[Shop, Person], None], *, occasion: bool = False
) -> tuple[Act, ...]:
    return (Act(Moment.of(at), place, said, do, occasion),)


def site() -> tuple[Act, ...]:
    """Two anonymous page views, then the login."""
    return (
        *_act("1 10:00", "site", "", lambda shop, who: shop.browse(who, "/")),
        *_act("1 10:00", "site", "", lambda shop, who: shop.browse(who, "/lamps")),
        *_act("1 10:05", "site", "", lambda shop, who: shop.log_in(who)),
    )


def app() -> tuple[Act, ...]:
    """The app is installed."""
    return _act("1 10:20", "app", "", lambda shop, who: shop.install_app(who))


def paid(at: str, cart: str, total: int, said: str = "", *, times: int = 1) -> tuple[Act, ...]:
    """A purchase at the till, by phone number."""
    return _act(at, "till", said, lambda shop, who: shop.pay_at_till(who, cart, Decimal(total), times=times))


def cart(at: str, key: str, total: int) -> tuple[Act, ...]:
    """A basket left on the site."""
    said = f"leaves a basket of {total} USD"
    return _act(at, "site", said, lambda shop, who: shop.add_to_cart(who, key, Decimal(total)), occasion=True)


def ordered(at: str, key: str, total: int) -> tuple[Act, ...]:
    """An order on the site."""
    return _act(at, "site", f"orders for {total} USD", lambda shop, who: shop.order(who, key, Decimal(total)))


def clicked(at: str, channel: str) -> tuple[Act, ...]:
    """The link in the latest message."""
    return _act(at, channel, "follows the link", lambda shop, who: shop.click(who, channel))


def tapped(at: str) -> tuple[Act, ...]:
    """A tap on the latest push."""
    return _act(at, "push", "taps it", lambda shop, who: shop.tap(who))


WITH_APP: Final = ("anonymous_id", "email", "phone", "push_token", "user_id")
"""Identifiers of a customer of site and app."""

ANNA: Final = Person(
    "anna",
    "Anna",
    "site, app and till are one customer; one tap, and nothing dearer is sent",
    (
        *site(),
        *app(),
        *paid("1 10:40", "anna-1", 80, times=2),
        *cart("1 12:00", "anna-2", 120),
        *tapped("1 13:20"),
        *_act("1 13:30", "app", "orders for 120 USD", lambda shop, who: shop.order_in_app(who, "anna-2", Decimal(120))),
    ),
    (RunPromise(("push",), answered="push", converted=True),),
    email=f"anna@{MAIL}",
    phone="+48601200001",
    device="ios",
    orders=2,
    spent=Decimal(200),
    identifiers=WITH_APP,
)

BARTEK: Final = Person(
    "bartek",
    "Bartek",
    "ignores the push, follows the e-mail: no SMS is paid for",
    (
        *site(),
        *app(),
        *cart("1 12:00", "bartek-1", 60),
        *clicked("1 18:10", "email"),
        *ordered("1 18:30", "bartek-1", 60),
    ),
    (RunPromise(("push", "email"), answered="email", converted=True),),
    email=f"bartek@{MAIL}",
    phone="+48601200002",
    device="android",
    orders=1,
    spent=Decimal(60),
    identifiers=WITH_APP,
)

CELINA: Final = Person(
    "celina",
    "Celina",
    "only the SMS reaches her: this is what SMS is for",
    (
        *site(),
        *app(),
        *cart("1 12:00", "celina-1", 210),
        *clicked("2 15:10", "sms"),
        *_act(
            "2 15:40",
            "call centre",
            "orders for 210 USD",
            lambda shop, who: shop.order_by_phone(who, "celina-1", Decimal(210)),
        ),
    ),
    (RunPromise(("push", "email", "sms"), answered="sms", converted=True),),
    email=f"celina@{MAIL}",
    phone="+48601200003",
    device="ios",
    orders=1,
    spent=Decimal(210),
    identifiers=WITH_APP,
)

DANIEL: Final = Person(
    "daniel",
    "Daniel",
    "buys that very basket in the shop: the run ends while it waits",
    (
        *site(),
        *app(),
        *cart("1 12:00", "daniel-1", 95),
        *paid("1 15:10", "daniel-1", 95, "pays by phone number"),
    ),
    (RunPromise(("push",), outcome="exited", converted=True),),
    email=f"daniel@{MAIL}",
    phone="+48601200004",
    device="android",
    orders=1,
    spent=Decimal(95),
    identifiers=WITH_APP,
)

EWA: Final = Person(
    "ewa",
    "Ewa",
    "orders within the hour and never hears of the basket",
    (*site(), *app(), *cart("1 12:00", "ewa-1", 45), *ordered("1 12:40", "ewa-1", 45)),
    (RunPromise((), outcome="exited", converted=True),),
    email=f"ewa@{MAIL}",
    phone="+48601200005",
    device="ios",
    orders=1,
    spent=Decimal(45),
    identifiers=WITH_APP,
)

FILIP: Final = Person(
    "filip",
    "Filip",
    "has no app: push is passed over at once, without its wait",
    (*site(), *cart("1 12:00", "filip-1", 70), *clicked("1 14:30", "email"), *ordered("1 14:45", "filip-1", 70)),
    (RunPromise(("email",), answered="email", withheld={"push": "no push address known"}, converted=True),),
    email=f"filip@{MAIL}",
    phone="+48601200006",
    orders=1,
    spent=Decimal(70),
    identifiers=("anonymous_id", "email", "phone", "user_id"),
)

GRAZYNA: Final = Person(
    "grazyna",
    "Grazyna",
    "known by a phone number alone: no channel but SMS",
    (
        *paid("1 10:40", "grazyna-1", 30),
        *_act(
            "1 17:00",
            "kiosk",
            "leaves a basket of 55 USD",
            lambda shop, who: shop.add_to_cart_at_kiosk(who, "grazyna-2", Decimal(55)),
            occasion=True,
        ),
        *paid("2 11:00", "grazyna-2", 55, "pays by phone number"),
    ),
    (
        RunPromise(
            ("sms",),
            withheld={"push": "no push address known", "email": "no email address known"},
            converted=True,
        ),
    ),
    phone="+48601200007",
    account=False,
    orders=2,
    spent=Decimal(85),
    identifiers=("phone",),
)

HUBERT: Final = Person(
    "hubert",
    "Hubert",
    "unsubscribes from e-mail: the next basket skips it and says why",
    (
        *site(),
        *app(),
        *cart("1 12:00", "hubert-1", 40),
        *_act("1 17:20", "email", "unsubscribes with one click", lambda shop, who: shop.unsubscribe(who)),
        *ordered("1 19:00", "hubert-1", 40),
        *cart("3 12:00", "hubert-2", 150),
    ),
    (
        RunPromise(("push", "email"), outcome="exited", converted=True),
        RunPromise(("push", "sms"), withheld={"email": "denied"}),
    ),
    email=f"hubert@{MAIL}",
    phone="+48601200008",
    device="android",
    orders=1,
    spent=Decimal(40),
    identifiers=WITH_APP,
)

IGA: Final = Person(
    "iga",
    "Iga",
    "her mailbox does not exist: no waiting for an answer, on to SMS at once",
    (
        *site(),
        *_act("1 10:50", "kiosk", "", lambda shop, who: shop.look_up_at_kiosk(who)),
        *cart("1 12:00", "iga-1", 65),
        *_act("1 13:01", "email", "bounces", lambda shop, who: shop.bounce(who)),
        *clicked("1 14:10", "sms"),
        *ordered("1 14:20", "iga-1", 65),
    ),
    (RunPromise(("email", "sms"), answered="sms", withheld={"push": "no push address known"}, converted=True),),
    email=f"iga@{MAIL}",
    phone="+48601200009",
    orders=1,
    spent=Decimal(65),
    identifiers=("anonymous_id", "email", "phone", "user_id"),
)

JAN: Final = Person(
    "jan",
    "Jan",
    "shops late: quiet hours hold the message until the morning",
    (*site(), *app(), *cart("1 20:30", "jan-1", 85), *tapped("2 09:30"), *ordered("2 09:45", "jan-1", 85)),
    (RunPromise(("push",), answered="push", withheld={"push": "quiet hours"}, converted=True),),
    email=f"jan@{MAIL}",
    phone="+48601200010",
    device="ios",
    orders=1,
    spent=Decimal(85),
    identifiers=WITH_APP,
)

KASIA: Final = Person(
    "kasia",
    "Kasia",
    "answers nothing: the longest way there is, three messages",
    (
        *site(),
        *app(),
        *_act(
            "1 12:00",
            "marketer",
            "starts her in the Step Functions console",
            lambda shop, who: shop.start_by_console(who),
            occasion=True,
        ),
    ),
    (RunPromise(("push", "email", "sms")),),
    email=f"kasia@{MAIL}",
    phone="+48601200011",
    device="android",
    identifiers=WITH_APP,
)

LEON: Final = Person(
    "leon",
    "Leon",
    "met on the phone; started by an agent, whose second start is refused",
    (
        *_act("1 11:20", "call centre", "", lambda shop, who: shop.call_centre_meets(who)),
        *_act(
            "1 11:30",
            "agent",
            "starts him by hand through the API",
            lambda shop, who: shop.start_by_api(who),
            occasion=True,
        ),
        *_act(
            "1 11:35",
            "agent",
            "starts him again: refused, one is live",
            lambda shop, who: shop.start_again_by_api(who),
        ),
        *clicked("1 12:10", "email"),
        *_act(
            "1 12:30",
            "call centre",
            "orders for 130 USD",
            lambda shop, who: shop.order_by_phone(who, "leon-1", Decimal(130)),
        ),
    ),
    (RunPromise(("email",), answered="email", withheld={"push": "no push address known"}, converted=True),),
    email=f"leon@{MAIL}",
    phone="+48601200012",
    account=False,
    orders=1,
    spent=Decimal(130),
    identifiers=("email", "phone"),
)

CAST: Final = (ANNA, BARTEK, CELINA, DANIEL, EWA, FILIP, GRAZYNA, HUBERT, IGA, JAN, KASIA, LEON)
"""In order of appearance."""

CURTAIN: Final = Moment.of("4 12:00")
"""When the story ends: every wait is long over."""
