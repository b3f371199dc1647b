"""The public links in our messages: click redirects and the way out."""
