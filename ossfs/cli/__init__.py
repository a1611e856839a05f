"""
The `ossfs` command.

- `main`: the group of commands; each is imported when it is called
- `mount`: the options of `ossfs mount`; `launch` starts the mount process in the
  background and waits until it answers; `daemon` is that process, `session` its time
  between mounting and unmounting
- `umount`, `uploads`, `status`: talk to mount processes through `control`
- `state`: the state folders, who owns them, what is mounted where
- `mountpoint`: what the kernel knows: is a directory fit for a mount, who holds it, unmounting
- `explain`: what to do about an error
"""
