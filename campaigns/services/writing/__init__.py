"""What is said: texts and their versions, what a text may know about a patient, previews."""
