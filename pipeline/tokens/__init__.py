"""A PKeyAuth JWT taken apart, and the server's five checks made on it as far as they can be made outside Entra.

``given`` finds the token in what a user has, ``jws`` reads it, ``others`` tells it from other tokens, ``challenges``
and ``certificates`` read what it is judged by, ``signatures`` and ``checks`` judge, ``verdict`` looks the cause up in
``reasons``, ``told`` writes it for people. What goes through here can be a credential: no network, no database, no file
and no log may enter, and no sentence quotes it.
"""
