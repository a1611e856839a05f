"""What scenarios do with whole files, in terms of calls that core and mount both have."""

import os
import stat


class WholeFiles:
    """To be inherited from by what has `open`, `close`, `pread`, `pwrite`, `stat` and `fstat`."""

    def write(self, path, data, *, flags=os.O_CREAT | os.O_TRUNC | os.O_WRONLY):
        fd = self.open(path, flags)
        try:
            self.pwrite(fd, data, 0)
        finally:
            self.close(fd)

    def edit(self, path, offset, data):
        self.write_at(path, offset, data, os.O_WRONLY)

    def append(self, path, data):
        self.write_at(path, 0, data, os.O_WRONLY | os.O_APPEND)

    def write_at(self, path, offset, data, flags):
        fd = self.open(path, flags)
        try:
            self.pwrite(fd, data, offset)
        finally:
            self.close(fd)

    def read(self, path):
        fd = self.open(path, os.O_RDONLY)
        try:
            return self.pread(fd, self.fstat(fd).st_size + 1, 0)
        finally:
            self.close(fd)

    def exists(self, path):
        try:
            self.stat(path)
        except FileNotFoundError:
            return False
        return True

    def is_dir(self, path):
        return stat.S_ISDIR(self.stat(path).st_mode)
