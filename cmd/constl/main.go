// Command constl is Git for scientific tables, without a server. See constl help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/constl/constl/cmd/constl/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, cli.System(), os.Args))
}
