# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: the same jobs and scene as the window, without a window."""
