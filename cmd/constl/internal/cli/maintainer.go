package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) maintainerCommand() *cli.Command {
	return &cli.Command{
		Name: "maintainer", Category: groupPeople, ArgsUsage: "[list | add NAME KEY | remove NAME | …]",
		Usage: "show or change who may do what in the dataset",
		Description: "list                     who takes part, with which devices, and what waits for signatures\n" +
			"add NAME KEY             list somebody; KEY is what constl key show prints there (--role, --orcid)\n" +
			"remove NAME              NAME has no say any more; their devices' logs end here\n" +
			"role NAME ROLE           make NAME a maintainer, contributor or reader\n" +
			"threshold N              N maintainers must agree on changes, refs included\n" +
			"rule PATTERN             who decides on refs as 'heads/*' or tags/v1 (--threshold, --signers, --drop)\n" +
			"proposals WHO            who may propose changes: anyone, people (those listed) or nobody\n" +
			"approve [ID]             sign a change that waits for you\n" +
			"decline ID               drop such a change here\n" +
			"settle LOG               use a device again that signed two histories (see constl log --trust)\n" +
			"A change that needs more signatures travels with pull and push until enough have signed.\n" +
			"JSON: of list {\"version\",\"name\",\"threshold\",\"proposals\",\"readers\",\"people\":[…],\"rules\":[…],\"recovery\":{…},\n" +
			"\"waiting\":[…]}; of changes {\"id\",\"version\",\"in_force\",\"changes\":[…],\"signed\":[…],\"needed\":{…}}",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "role", Value: "maintainer", Usage: "add: `ROLE` maintainer, contributor or reader"},
			&cli.StringFlag{Name: "orcid", Usage: "add: the person's ORCID `iD`"},
			&cli.StringFlag{Name: "device", Usage: "add: what to call the device, as `NAME`"},
			&cli.IntFlag{Name: "threshold", Value: 1, Usage: "rule: how many must agree, as `N`"},
			&cli.StringSliceFlag{Name: "signers", Usage: "rule: `NAMES` whose word counts, with commas (default: all maintainers)"},
			&cli.BoolFlag{Name: "drop", Usage: "rule: take the rule away"},
			&cli.StringFlag{Name: "keep", Usage: "settle: let the statement with this `ID` count, not what came before the split"},
		},
		Action: a.action(runMaintainer),
	}
}

// change is a function that changes the dataset's identity.
type change func(*repo.Repo, *refs.Identity) error

func runMaintainer(c *command) error {
	words := c.words()
	if len(words) == 0 {
		words = []string{"list"}
	}
	verb, args := words[0], words[1:]
	takes := map[string][2]int{
		"list": {0, 0}, "add": {2, 2}, "remove": {1, 1}, "role": {2, 2}, "threshold": {1, 1}, "rule": {1, 1},
		"proposals": {1, 1}, "approve": {0, 1}, "decline": {1, 1}, "settle": {1, 1},
	}
	if err := c.verb(verb, args, takes); err != nil {
		return err
	}
	var do change
	var err error
	switch verb {
	case "list":
		return c.open(c.listPeople)
	case "approve":
		return c.open(func(r *repo.Repo) error { return c.approve(r, append(args, "")[0]) })
	case "decline":
		return c.open(func(r *repo.Repo) error { return c.decline(r, args[0]) })
	case "add":
		do, err = c.addPerson(args[0], args[1])
	case "remove":
		do = func(r *repo.Repo, id *refs.Identity) error { return r.RemovePerson(c.ctx(), id, args[0]) }
	case "role":
		do, err = setRole(args[0], args[1])
	case "threshold":
		do, err = setThreshold(args[0])
	case "rule":
		do = c.setRule(args[0])
	case "proposals":
		do, err = setProposers(args[0])
	case "settle":
		do = func(r *repo.Repo, id *refs.Identity) error {
			return r.SettleLog(c.ctx(), id, args[0], c.String("keep"))
		}
	}
	if err != nil {
		return err
	}
	return c.changeIdentity(do)
}

// verb checks the first word of a command that has several, and how many more follow.
func (c *command) verb(verb string, args []string, takes map[string][2]int) error {
	bounds, ok := takes[verb]
	help := "constl help " + c.Command.Name
	if !ok {
		return usage(help, "constl %s has no %q", c.Command.Name, verb)
	}
	if len(args) < bounds[0] || len(args) > bounds[1] {
		want := strconv.Itoa(bounds[0])
		if bounds[1] != bounds[0] {
			want += " or " + strconv.Itoa(bounds[1])
		}
		return usage(help, "constl %s %s takes %s argument(s), found %d", c.Command.Name, verb, want, len(args))
	}
	return nil
}

func (c *command) changeIdentity(do change) error {
	return c.open(func(r *repo.Repo) error {
		ch, err := r.ChangeIdentity(c.ctx(), func(id *refs.Identity) error { return do(r, id) })
		if err != nil {
			return err
		}
		return c.printChange(ch)
	})
}

func parseRole(text string) (refs.Role, error) {
	for _, role := range []refs.Role{refs.Maintainer, refs.Contributor, refs.Reader} {
		if role.String() == text {
			return role, nil
		}
	}
	return 0, usage("constl help maintainer", "there is no role %q; there are maintainer, contributor and reader", text)
}

func (c *command) addPerson(name, keyText string) (change, error) {
	role, err := parseRole(c.String("role"))
	if err != nil {
		return nil, err
	}
	key, err := refs.ParsePeerID(keyText)
	if err != nil {
		return nil, err
	}
	p := refs.Person{Name: name, Role: role, ORCID: c.String("orcid"), Devices: []refs.Device{{Key: key, Name: c.String("device")}}}
	return func(_ *repo.Repo, id *refs.Identity) error { return repo.AddPerson(id, p) }, nil
}

func setRole(name, roleText string) (change, error) {
	role, err := parseRole(roleText)
	if err != nil {
		return nil, err
	}
	return func(_ *repo.Repo, id *refs.Identity) error { return repo.SetRole(id, name, role) }, nil
}

func setThreshold(text string) (change, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return nil, usage("constl maintainer threshold 2", "expected how many maintainers must agree, found %q", text)
	}
	return func(_ *repo.Repo, id *refs.Identity) error {
		if have := countMaintainers(id); n > have {
			return usage("constl maintainer list", "%d maintainers cannot agree, there are %d", n, have)
		}
		id.Threshold = n
		return nil
	}, nil
}

func countMaintainers(id *refs.Identity) int {
	n := 0
	for _, p := range id.People {
		if p.Role == refs.Maintainer {
			n++
		}
	}
	return n
}

func (c *command) setRule(pattern string) change {
	rule := refs.Rule{Pattern: refs.Pattern(pattern), Threshold: c.Int("threshold")}
	for _, list := range c.StringSlice("signers") {
		for name := range strings.SplitSeq(list, ",") {
			rule.Listed = append(rule.Listed, strings.TrimSpace(name))
		}
	}
	if c.Bool("drop") {
		rule.Threshold = 0
	}
	return func(_ *repo.Repo, id *refs.Identity) error { return repo.SetRule(id, rule) }
}

func setProposers(text string) (change, error) {
	who, ok := map[string]refs.Proposers{"anyone": refs.ProposeAnyone, "people": refs.ProposePeople, "nobody": refs.ProposeNobody}[text]
	if !ok {
		return nil, usage("constl maintainer proposals anyone", "expected anyone, people or nobody, found %q", text)
	}
	return func(_ *repo.Repo, id *refs.Identity) error { id.Proposers = who; return nil }, nil
}

func (c *command) approve(r *repo.Repo, id string) error {
	ch, err := r.ApproveIdentity(c.ctx(), id)
	if err != nil {
		return err
	}
	return c.printChange(ch)
}

func (c *command) decline(r *repo.Repo, text string) error {
	id, err := r.DeclineIdentity(c.ctx(), text)
	if err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(map[string]object.ID{"declined": id})
	}
	c.print("Declined %s; it is not shown here again\n", id.Short())
	c.note("  if you had signed it, the others still have your signature\n")
	return nil
}

// changeEntry is a change to the identity as scripts see it.
type changeEntry struct {
	ID      object.ID   `json:"id"`
	Version int         `json:"version"`
	InForce bool        `json:"in_force"`
	Changes []string    `json:"changes"`
	Signed  []string    `json:"signed"`
	Needed  consentJSON `json:"needed"`
	MaySign bool        `json:"waits_for_you"`
}

type consentJSON struct {
	Before  int `json:"maintainers_before"`
	Next    int `json:"maintainers_next"`
	Reached struct {
		Before int `json:"before"`
		Next   int `json:"next"`
	} `json:"reached"`
}

func changeOf(ch repo.IdentityChange) changeEntry {
	e := changeEntry{
		ID: ch.ID, Version: ch.Version, InForce: ch.InForce, Changes: notNil(ch.Words), Signed: notNil(ch.Consent.Signed),
		MaySign: ch.MaySign,
	}
	e.Needed.Before, e.Needed.Next = ch.Consent.NeedBefore, ch.Consent.NeedNext
	e.Needed.Reached.Before, e.Needed.Reached.Next = ch.Consent.Before, ch.Consent.Next
	return e
}

func (c *command) printChange(ch *repo.IdentityChange) error {
	if c.asJSON() {
		return c.printJSON(changeOf(*ch))
	}
	if ch.InForce {
		c.print("In force from now on (version %d of the identity):\n", ch.Version)
		c.printWords(ch.Words)
		c.note("Others learn of it at their next pull from you; or hand it on with: constl push\n")
		return nil
	}
	c.print("Waits for more signatures (change %s):\n", ch.ID.Short())
	c.printWords(ch.Words)
	c.print("  %s\n", consentText(ch.Consent))
	c.note("The others get it by pulling from you (constl serve), or by your constl push. They sign with:\n  constl maintainer approve %s\n", ch.ID.Short())
	return nil
}

func (c *command) printWords(words []string) {
	for _, w := range words {
		c.print("  - %s\n", w)
	}
}

// consentText says who has signed and how many are missing.
func consentText(s refs.Consent) string {
	text := "signed by " + strings.Join(s.Signed, ", ")
	if len(s.Signed) == 0 {
		text = "signed by nobody who is listed"
	}
	if n := s.NeedBefore - s.Before; n > 0 {
		text += fmt.Sprintf("; %s of today must still agree", plural(int64(n), "maintainer"))
	}
	if n := s.NeedNext - s.Next; n > 0 && (s.Before >= s.NeedBefore || s.NeedNext > s.NeedBefore) {
		text += fmt.Sprintf("; %s of those who will be must still agree", plural(int64(n), "maintainer"))
	}
	return text
}

// notePending says which changes to the identity wait for this device's signature.
func (c *command) notePending(r *repo.Repo) error {
	changes, err := r.IdentityDrafts(c.ctx())
	if err != nil {
		return err
	}
	for _, ch := range changes {
		if !ch.MaySign {
			continue
		}
		c.note("A change to who may do what waits for your signature:\n")
		for _, w := range ch.Words {
			c.note("  - %s\n", w)
		}
		c.note("  %s\n  sign it: constl maintainer approve %s   drop it: constl maintainer decline %s\n",
			consentText(ch.Consent), ch.ID.Short(), ch.ID.Short())
	}
	return nil
}

type deviceEntry struct {
	Key  refs.PeerID `json:"key"`
	Name string      `json:"name"`
}

type personEntry struct {
	Name    string        `json:"name"`
	Role    string        `json:"role"`
	ORCID   string        `json:"orcid,omitempty"`
	Devices []deviceEntry `json:"devices"`
}

type ruleEntry struct {
	Pattern   refs.Pattern `json:"pattern"`
	Threshold int          `json:"threshold"`
	Signers   []string     `json:"signers"`
}

// identityEntry is the identity as scripts see it.
type identityEntry struct {
	Version   int           `json:"version"`
	ID        object.ID     `json:"id"`
	Name      string        `json:"name"`
	Threshold int           `json:"threshold"`
	Proposals string        `json:"proposals"`
	Readers   string        `json:"readers"`
	People    []personEntry `json:"people"`
	Rules     []ruleEntry   `json:"rules"`
	Recovery  struct {
		Threshold int           `json:"threshold"`
		Keys      []refs.PeerID `json:"keys"`
	} `json:"recovery"`
	Waiting []changeEntry `json:"waiting"`
}

func identityOf(chain *refs.Chain, waiting []repo.IdentityChange) identityEntry {
	id := chain.Current()
	e := identityEntry{
		Version: id.Version, ID: chain.CurrentID(), Name: id.Name, Threshold: id.Threshold,
		Proposals: repo.ProposersText(id.Proposers), Readers: repo.AudienceText(id.Audience),
		People: []personEntry{}, Rules: []ruleEntry{}, Waiting: []changeEntry{},
	}
	for _, p := range id.People {
		entry := personEntry{Name: p.Name, Role: p.Role.String(), ORCID: p.ORCID}
		for _, d := range p.Devices {
			entry.Devices = append(entry.Devices, deviceEntry(d))
		}
		e.People = append(e.People, entry)
	}
	for _, r := range id.Rules {
		e.Rules = append(e.Rules, ruleEntry{r.Pattern, r.Threshold, notNil(slices.Clone(r.Listed))})
	}
	e.Recovery.Threshold, e.Recovery.Keys = id.Recovery.Threshold, notNil(slices.Clone(id.Recovery.Keys))
	for _, ch := range waiting {
		e.Waiting = append(e.Waiting, changeOf(ch))
	}
	return e
}

func (c *command) listPeople(r *repo.Repo) error {
	chain, err := r.Chain()
	if err != nil {
		return err
	}
	waiting, err := r.IdentityDrafts(c.ctx())
	if err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(identityOf(chain, waiting))
	}
	id := chain.Current()
	c.print("%s, version %d of its identity\n", c.style(bold, id.Name), id.Version)
	for _, p := range id.People {
		var devices []string
		for _, d := range p.Devices {
			devices = append(devices, repo.DeviceText(d))
		}
		c.print("  %-11s  %s  %s\n", p.Role, p.Name, c.style(faint, strings.Join(devices, ", ")))
	}
	c.print("%s must agree\n", plural(int64(id.Threshold), "maintainer"))
	for _, rule := range id.Rules {
		c.print("  %s\n", repo.RuleText(rule))
	}
	c.print("%s may read it, %s may propose changes\n", repo.AudienceText(id.Audience), repo.ProposersText(id.Proposers))
	if n := len(id.Recovery.Keys); n > 0 {
		c.print("%d of %s can stand in for the maintainers\n", id.Recovery.Threshold, plural(int64(n), "recovery key"))
	}
	for _, ch := range waiting {
		c.print("Change %s waits for signatures:\n", ch.ID.Short())
		c.printWords(ch.Words)
		c.print("  %s\n", consentText(ch.Consent))
	}
	return nil
}
