# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sees. Draws from memory alone; `state` notes what is to be fetched for the next draw."""
