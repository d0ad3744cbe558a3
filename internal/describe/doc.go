// Package describe checks what people write about a dataset (licences, persons,
// organisations, languages, units, places and times), says what is still missing,
// and proposes what can be seen in the data.
//
// licenses.txt lists the SPDX licence identifiers with their names; it is the SPDX
// License List 3, which is in the public domain (CC0-1.0).
package describe
