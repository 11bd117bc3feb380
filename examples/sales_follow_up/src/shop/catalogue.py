"""What the shop sells, and what is true of it."""

PRICES = {
    "espresso machine": 499,
    "milk frother": 89,
    "burr grinder": 179,
    "water filter": 39,
    "tamper": 29,
    "descaler": 12,
}
"""Products and their prices in euros."""
