# SPDX-License-Identifier: GPL-3.0-or-later
"""The use cases with a window: its state, the timer, and what happens between a click and the result."""
