"""Pure decisions about when and to whom: dates and arrays in, dates and arrays out."""
