"""The card: the operator's settings file on the FAT partition, what is written back to it, pausing and wiping.

A person edits that file with whatever editor is there, and cannot see the board's screen. So everything in this room
reads defensively, mends what can be mended, says each mend with its line, and never raises for what stands in a file.
Thinks: ``text``, ``lines``, ``values``, ``countries``, ``reading``, ``choice``, ``merge``, ``overlay``, ``network``,
``wording``. Touches the card and the data partition: ``disk``, ``store``, ``boot_actions``, ``wiping``, ``commands``.
Nothing here touches the network (a law: import-linter), and nothing prints or logs a secret.
"""
