"""From a template to a message: Liquid, MJML, plain text, SMS parts."""
