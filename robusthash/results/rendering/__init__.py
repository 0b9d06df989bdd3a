"""Tables of text in every form that they are shown in, with strangers' names made harmless."""
