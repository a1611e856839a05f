"""
`ossfs uploads`: bytes that are not in a bucket yet, of mounts that live and that died.

- `found`: what each state folder holds; `choosing`: which file is meant by a word
- `reaching`: how a file is acted on: `mounted` asks the mount process, `unmounted` takes
  the state folder of a mount that ended
- `listing`, `resuming`, `dropping`, `exporting`, `collecting`: the commands; `group` has
  them all
- `bars`: the live view
"""
