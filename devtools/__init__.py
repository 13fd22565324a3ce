"""What tests, benchmarks and scripts share, and no user needs: random weights in the formats of published files.

It is not in the wheel. An editable installation finds it, since its root is the checkout.
"""
