"""Ways of reaching a patient. They know no model: an Envelope goes in, a Receipt comes out."""
