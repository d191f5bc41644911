"""The cards, a module for each area; `verify.all_cards` finds them."""
