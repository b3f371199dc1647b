"""Provider feedback (SES events, SMS replies) becomes events of the customers concerned."""
