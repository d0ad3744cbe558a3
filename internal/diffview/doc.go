// Package diffview shows what package changes found: on a terminal, as JSON, as
// CSV in daff's tabular diff format, as a web page, and as Markdown.
//
// Every function writes to a writer and returns the first error of the writer or
// of the tables' stores. Texts of tables are untrusted: none can bring a control
// sequence into a terminal or markup into a page.
package diffview
