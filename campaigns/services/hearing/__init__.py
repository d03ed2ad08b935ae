"""What comes back: clicks, delivery reports, bounces, complaints."""
