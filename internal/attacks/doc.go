// Package attacks holds no code, but the table of attacks on a dataset: each attack at
// each way in, over real connections, against whole datasets in folders. An attacker is
// written here from the specifications alone (refs/FORMAT.md, transport/PROTOCOL.md),
// so that it can say what constl would never say.
//
//	go test ./internal/attacks -v -run TestTable
//
// prints the table. A cell without an outcome fails; one that cannot be has its reason.
package attacks
