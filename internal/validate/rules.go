package validate

// The ids of the checks. Those of frictionless are used where it has one.
const (
	RulePackage        = "package-error"
	RuleSchema         = "schema-error"
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
