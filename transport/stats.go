package transport

// Stats counts what an exchange moved.
type Stats struct {
	Objects     int64 // objects received, or sent
	ObjectBytes int64 // their bytes, uncompressed
	Deltas      int64 // how many of them came as deltas
	BytesIn     int64 // bytes read from the stream
	BytesOut    int64 // bytes written to the stream
	Rounds      int   // requests and wants: each costs one round trip
}

// Add adds what another exchange moved.
func (s *Stats) Add(o Stats) {
	s.Objects += o.Objects
	s.ObjectBytes += o.ObjectBytes
	s.Deltas += o.Deltas
	s.BytesIn += o.BytesIn
	s.BytesOut += o.BytesOut
	s.Rounds += o.Rounds
}

// less returns what was moved since another count.
func (s Stats) less(o Stats) Stats {
	return Stats{
		s.Objects - o.Objects, s.ObjectBytes - o.ObjectBytes, s.Deltas - o.Deltas,
		s.BytesIn - o.BytesIn, s.BytesOut - o.BytesOut, s.Rounds - o.Rounds,
	}
}

// Progress says how far an exchange is.
type Progress struct {
	Objects int64 // objects received, or sent, so far
	Bytes   int64 // bytes read from the stream so far
}
