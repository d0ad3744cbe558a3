package cli

import "os"

// hangups returns a channel that gets nothing: Windows has no SIGHUP.
func hangups() (signals <-chan os.Signal, stop func()) { return nil, func() {} }
