// Package parquet reads Parquet files as the texts that a fingerprint is made of
// (tabular/FINGERPRINT.md §1). Only flat tables are read: a file with nested or
// repeated columns is refused. It writes nothing.
package parquet
