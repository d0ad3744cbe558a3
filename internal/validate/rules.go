package validate

// The ids of the checks. Those of frictionless are used where it has one.
const (
	RulePackage        = "package-error"
	RuleSchema         = "schema-error"
	RuleSource         = "source-error"
	RuleFormat         = "format-error"
	RuleMissingLabel   = "missing-label"
	RuleExtraLabel     = "extra-label"
	RuleIncorrectLabel = "incorrect-label"
	RuleBlankLabel     = "blank-label"
	RuleDuplicateLabel = "duplicate-label"
	RuleBlankRow       = "blank-row"
	RuleMissingCell    = "missing-cell"
	RuleExtraCell      = "extra-cell"
	RuleType           = "type-error"
	RuleConstraint     = "constraint-error"
	RuleUnique         = "unique-error"
	RulePrimaryKey     = "primary-key"
	RuleForeignKey     = "foreign-key"
	RuleRow            = "row-constraint"
	RuleTable          = "table-constraint"
	RuleChange         = "change-constraint"
	RuleStopped        = "rule-stopped"
)

// The ids of the warnings about what spreadsheet programs do to cells, which a
// field can allow.
const (
	RuleDate       = "spreadsheet-date"
	RuleZeros      = "lost-zeros"
	RuleRounded    = "rounded-number"
	RuleComma      = "decimal-comma"
	RuleLookAlike  = "look-alike"
	RuleInvisible  = "invisible-character"
	RuleStraySpace = "stray-space"
)

// describeRule says in a sentence what a check is about.
func describeRule(id string) string {
	for _, r := range ruleTexts {
		if r.id == id {
			return r.text
		}
	}
	return id
}

var ruleTexts = []struct{ id, text string }{
	{RulePackage, "datapackage.json cannot be read."},
	{RuleSchema, "datapackage.json asks for something that cannot be checked."},
	{RuleSource, "A file that is described is not there."},
	{RuleFormat, "A file that is described as a table is none."},
	{RuleMissingLabel, "A column that is described is not in the file."},
	{RuleExtraLabel, "A column of the file is not described."},
	{RuleIncorrectLabel, "The columns stand in another order than described."},
	{RuleBlankLabel, "A column has no name."},
	{RuleDuplicateLabel, "Two columns have one name."},
	{RuleBlankRow, "A row has no values."},
	{RuleMissingCell, "A row has fewer cells than the header."},
	{RuleExtraCell, "A row has more cells than the header."},
	{RuleType, "A cell is not of its field's type and format."},
	{RuleConstraint, "A cell breaks a constraint of its field."},
	{RuleUnique, "A value that must be unique stands in two rows."},
	{RulePrimaryKey, "Two rows have the same primary key, or one has none."},
	{RuleForeignKey, "A row refers to one that is not there."},
	{RuleRow, "A row breaks a rule of this dataset."},
	{RuleTable, "The table breaks a rule of this dataset."},
	{RuleChange, "A change breaks a rule of this dataset."},
	{RuleStopped, "A rule takes too long and was not checked to the end."},
	{RuleDate, "A spreadsheet program seems to have made a date of a name or an id."},
	{RuleZeros, "A spreadsheet program seems to have dropped the zeros in front of an id."},
	{RuleRounded, "A spreadsheet program seems to have rounded a long number."},
	{RuleComma, "Decimal points and decimal commas stand in one column."},
	{RuleLookAlike, "A letter of another script looks like the one that is meant."},
	{RuleInvisible, "A cell has characters that nobody sees."},
	{RuleStraySpace, "A cell begins or ends with blanks."},
}
