# SPDX-License-Identifier: GPL-3.0-or-later
"""A local stand-in for Scenario on loopback: try Maquette without an account, test it without the network.

It speaks the API's language and builds simple geometry with Blender; it is no generative model and its prices
are made up. It imports nothing of the rest of the extension: it is the other side of the wire.
"""
