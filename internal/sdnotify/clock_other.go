//go:build !linux

package sdnotify

// monotonic is known on Linux alone, where systemd is.
func monotonic() (int64, bool) { return 0, false }
