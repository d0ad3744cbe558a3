// Package serving runs a service: it knows the datasets of some folders, opens their
// objects when somebody asks for them and closes them when nobody does, notices datasets
// and settings that come, change and go, keeps within its bounds (package bounds), and
// tells of itself as events, as metrics and at a health endpoint.
//
// A [Shelf] holds the datasets. A [Service] puts a shelf behind a [repo.Server] and keeps
// it up to date. Both are safe for use by several goroutines at once.
package serving
