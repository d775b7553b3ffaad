package page

import (
	"math"
	"strconv"
	"time"

	"gospread/spread/internal/top/cluster"
)

// number words a quantity in at most five characters: 0, 0.4, 12, 999, 1.2k, 124k,
// 1.2M. Nearly nothing is not 0.
func number(v float64) string {
	switch {
	case !(v > 0):
		return "0"
	case v < 0.05:
		return "<0.1"
	case v < 9.95:
		return short(v)
	case v < 999.5:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	for _, unit := range "kMGTP" {
		v /= 1000
		if v < 999.5 {
			if v < 99.95 {
				return strconv.FormatFloat(v, 'f', 1, 64) + string(unit)
			}
			return strconv.FormatFloat(v, 'f', 0, 64) + string(unit)
		}
	}
	return ">999P"
}

// short has one digit behind the point, unless it is 0.
func short(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// lasting words a duration in at most six characters: 35us, 0.4ms, 12ms, 1.2s.
func lasting(d time.Duration) string {
	switch us := float64(d) / 1000; {
	case d <= 0:
		return "-"
	case us < 99.5:
		return number(us) + "us"
	case us < 999_500:
		return number(us/1000) + "ms"
	case d < 99*time.Second:
		return number(d.Seconds()) + "s"
	}
	return cluster.Age(d)
}

// spark draws the latest values as bars, in so many cells: the highest is most.
// Values below 0 are gaps.
func spark(values []float64, cells int, most float64, ascii bool) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	if ascii {
		bars = []rune("_.-=+*%#")
	}
	line := make([]rune, 0, max(cells, 0))
	for range cells - len(values) {
		line = append(line, ' ')
	}
	for _, v := range values[max(0, len(values)-cells):] {
		switch level := math.Ceil(v / most * float64(len(bars)-1)); {
		case !(v >= 0):
			line = append(line, ' ')
		case level >= 0: // and a number
			line = append(line, bars[int(min(level, float64(len(bars)-1)))])
		default:
			line = append(line, bars[0])
		}
	}
	return string(line)
}

// highest is the greatest of the latest values.
func highest(values []float64, cells int) float64 {
	most := 0.0
	for _, v := range values[max(0, len(values)-cells):] {
		most = max(most, v)
	}
	return most
}
