// Package bounds is the table of what bounds a service: the name, unit, default and range of
// each bound. The name is that of the option of constl serve, of the setting, and what
// whoever hits the bound is told. See [All].
package bounds
