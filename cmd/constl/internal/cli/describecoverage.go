package cli

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/describe"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/stats"
)

func (d *describing) coverage() error {
	p := d.state.Package
	if d.IsSet("temporal") {
		start, end, _ := strings.Cut(d.String("temporal"), "/")
		if err := describe.Period(start, end); err != nil {
			return err
		}
		setPeriod(p, datapackage.Temporal{Start: start, End: end})
	}
	if !d.IsSet("bbox") && !d.IsSet("place") {
		return nil
	}
	area := p.Spatial()
	if d.IsSet("place") {
		area.Place = d.String("place")
	}
	if d.IsSet("bbox") {
		parts := strings.Split(d.String("bbox"), ",")
		area.HasBox = len(parts) == 4
		for i := range min(len(parts), 4) {
			v, err := strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
			area.Box[i], area.HasBox = v, area.HasBox && err == nil
		}
		if !area.HasBox {
			return usage("constl describe --bbox=-10.5,36.9,-6.1,42.2", "expected west,south,east,north in degrees, found %q", d.String("bbox"))
		}
		if err := describe.Box(area.Box); err != nil {
			return err
		}
	}
	setArea(p, area)
	return nil
}

func setPeriod(p *datapackage.Package, t datapackage.Temporal) {
	var o datapackage.Object
	for _, part := range []datapackage.Property{{Key: "start", Value: t.Start}, {Key: "end", Value: t.End}} {
		if part.Value != "" {
			o = append(o, part)
		}
	}
	p.Set("temporal", o)
}

func setArea(p *datapackage.Package, s datapackage.Spatial) {
	var o datapackage.Object
	if s.Place != "" {
		o = append(o, datapackage.Property{Key: "name", Value: s.Place})
	}
	if s.HasBox {
		box := make([]json.Number, len(s.Box))
		for i, v := range s.Box {
			box[i] = json.Number(strconv.FormatFloat(v, 'f', -1, 64))
		}
		o = append(o, datapackage.Property{Key: "bbox", Value: box})
	}
	p.Set("spatial", o)
}

// dated returns the columns that may say what the dataset covers.
func dated(st *repo.State) []describe.Column {
	var out []describe.Column
	for _, t := range st.Tables {
		for _, f := range t.Fields {
			if f.Sketch.Values() == 0 {
				continue
			}
			c := describe.Column{Name: f.Name, Low: f.Sketch.Low.Value, High: f.Sketch.High.Value}
			switch f.Kind {
			case stats.Day:
				c.Moment, c.Low, c.High = true, c.Low*86400, c.High*86400
			case stats.Moment:
				c.Moment = true
			case stats.Number:
				c.Year = f.Type == tabular.TypeYear
			default:
				continue
			}
			out = append(out, c)
		}
	}
	return out
}

// proposed returns the coverage that is seen and that nobody has stated.
func (d *describing) proposed() (t datapackage.Temporal, s datapackage.Spatial) {
	if !d.state.Package.Has("temporal") {
		t = d.temporal
	}
	if !d.state.Package.Spatial().HasBox {
		s = d.spatial
	}
	return t, s
}

func (d *describing) accept() {
	t, s := d.proposed()
	if t.Start != "" {
		setPeriod(d.state.Package, t)
	}
	if s.HasBox {
		s.Place = d.state.Package.Spatial().Place
		setArea(d.state.Package, s)
	}
}
