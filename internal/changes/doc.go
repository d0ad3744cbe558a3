// Package changes says what differs between two states of some files, for people
// and scripts: of tables, which columns, rows and cells, with their names and
// texts; of other files, their bytes.
//
// It knows neither datasets nor folders: whoever has two tables can compare them.
// Package diffview shows the result.
package changes
