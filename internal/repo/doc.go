// Package repo is a dataset's working copy: a folder of ordinary files with its
// store in .constl. It records the folder as commits and puts commits back as
// files, follows branches and tags, merges, and exchanges with peers.
//
// The store's folder holds:
//
//	format       the version of this layout
//	packs/       objects (package object/pack)
//	refs/        identity, this copy's signed refs, those of others (package refs)
//	HEAD         the branch that is checked out, or a commit's id
//	config.json  settings of this dataset
//	remotes.json what was last seen at each remote
//	proposals.json  what was noted of proposals: when they came, who took ours
//	serving.json under which addresses the dataset is being served
//	contacts.json where others serve it, as they have signed
//	stat         hashes of unchanged files, by their stamps; only a saving
//	traces/      where row groups stand in large tables' files; only a saving
//	cloning      the id of a dataset whose clone is not complete yet
//	download     what has come of a bundle on the web; removed when it was read
//	part.json    which part of the dataset is here; if it is not there, all is
//	views.json   what files look like that show a part of a table; only a saving
//	carriers.json  over what peers were reached, where that was not QUIC; only a saving
//	merge.json   a merge that waits for its conflicts to be resolved
//	lock         held while the folder or HEAD changes
//
// Whatever changes the dataset does so in one order: objects are made durable
// first, then files are put in place, then the signed ref and HEAD move. A crash
// in between leaves the old state, with at most some objects that nothing refers
// to yet.
//
// A [Repo] is for one goroutine, but for what [Repo.Serve] starts.
package repo
