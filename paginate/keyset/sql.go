package keyset

import (
	"strconv"
	"strings"
)

// SQL returns what a SELECT needs to read the page: the condition for its WHERE
// clause, in parentheses, which is (1=1) for the first page; ORDER BY and LIMIT
// for its end; and the arguments for the placeholders of the condition, of which
// the first has the number firstPlaceholder. The LIMIT is one row above that of
// the page, for [NewPage] to see whether more follow.
//
// The dialects are postgres, and mysql and sqlite, whose placeholders are
// question marks.
func (req Request) SQL(dialect string, firstPlaceholder int) (where, tail string, args []any) {
	w := writer{dialect: dialect, first: firstPlaceholder, req: req}
	return w.condition(), w.tail(), w.args
}

type writer struct {
	strings.Builder
	dialect string
	first   int
	req     Request
	args    []any
	numbers []int // the placeholder of each value, where they can be used twice
}

// desc reports whether the rows are read from high values of c to low ones.
func (w *writer) desc(c Column) bool { return c.Desc != w.req.Back }

// nullsFirst reports whether the rows are read from nulls to values of c.
func (w *writer) nullsFirst(c Column) bool { return c.NullsFirst != w.req.Back }

// column writes the name as it is compared.
func (w *writer) column(c Column) string {
	if !c.Text {
		return c.Name
	}
	switch w.dialect {
	case "postgres":
		return c.Name + ` COLLATE "C"`
	case "mysql":
		return c.Name + " COLLATE utf8mb4_bin"
	}
	return c.Name + " COLLATE BINARY"
}

// placeholder writes that of value i.
func (w *writer) placeholder(i int) string {
	if w.dialect != "postgres" {
		w.args = append(w.args, w.req.Values[i])
		return "?"
	}
	if w.numbers == nil {
		w.numbers = make([]int, len(w.req.Values))
	}
	if w.numbers[i] == 0 {
		w.numbers[i] = w.first + len(w.args)
		w.args = append(w.args, w.req.Values[i])
	}
	return "$" + strconv.Itoa(w.numbers[i])
}

func (w *writer) condition() string {
	switch {
	case w.req.Values == nil:
		return "(1=1)"
	case w.rowValues():
		w.compareRows()
	default:
		w.WriteByte('(')
		if len(w.req.Order) > 1 {
			w.bound()
		}
		w.compare(0)
		w.WriteByte(')')
	}
	return w.String()
}

// rowValues reports whether one comparison of rows says it all. MySQL knows them,
// and reads the whole table for them; so does SQLite where a collation is named.
func (w *writer) rowValues() bool {
	for _, c := range w.req.Order {
		if c.Nullable || c.Desc != w.req.Order[0].Desc || c.Text && w.dialect != "postgres" {
			return false
		}
	}
	return w.dialect != "mysql" && len(w.req.Order) > 1
}

// bound says of the first column by itself where an index can begin, since none
// serves the alternatives that follow. With nulls still to come nothing simple
// can be said.
func (w *writer) bound() {
	c := w.req.Order[0]
	switch {
	case w.req.Values[0] != nil && (!c.Nullable || w.nullsFirst(c)):
		w.WriteString(w.column(c) + w.operator(c, true) + w.placeholder(0) + " AND ")
	case w.req.Values[0] == nil && !w.nullsFirst(c):
		w.WriteString(c.Name + " IS NULL AND ")
	}
}

func (w *writer) compareRows() {
	names, values := make([]string, len(w.req.Order)), make([]string, len(w.req.Order))
	for i, c := range w.req.Order {
		names[i], values[i] = w.column(c), w.placeholder(i)
	}
	operator := w.operator(w.req.Order[0], w.req.Inclusive)
	w.WriteString("((" + strings.Join(names, ", ") + ")" + operator + "(" + strings.Join(values, ", ") + "))")
}

func (w *writer) operator(c Column, orEqual bool) string {
	operator := " > "
	if w.desc(c) {
		operator = " < "
	}
	if orEqual {
		operator = operator[:2] + "= "
	}
	return operator
}

// compare writes that the columns from i on come after the values: the first of
// them does, or it is equal and the rest do.
func (w *writer) compare(i int) {
	c := w.req.Order[i]
	last := i == len(w.req.Order)-1
	w.WriteByte('(')
	w.after(i, last && w.req.Inclusive)
	if !last {
		if w.req.Values[i] == nil {
			w.WriteString(" OR (" + c.Name + " IS NULL AND ")
		} else {
			w.WriteString(" OR (" + w.column(c) + " = " + w.placeholder(i) + " AND ")
		}
		w.compare(i + 1)
		w.WriteByte(')')
	}
	w.WriteByte(')')
}

// after writes that column i by itself comes after its value, or is equal to it.
func (w *writer) after(i int, orEqual bool) {
	c := w.req.Order[i]
	isNull := w.req.Values[i] == nil
	switch {
	case isNull && w.nullsFirst(c) && orEqual:
		w.WriteString("1=1")
	case isNull && w.nullsFirst(c):
		w.WriteString(c.Name + " IS NOT NULL")
	case isNull && orEqual:
		w.WriteString(c.Name + " IS NULL")
	case isNull:
		w.WriteString("1=0")
	default:
		w.WriteString(w.column(c) + w.operator(c, orEqual) + w.placeholder(i))
		if c.Nullable && !w.nullsFirst(c) {
			w.WriteString(" OR " + c.Name + " IS NULL")
		}
	}
}

func (w *writer) tail() string {
	terms := make([]string, 0, len(w.req.Order))
	for _, c := range w.req.Order {
		term := w.column(c)
		if w.desc(c) {
			term += " DESC"
		}
		if c.Nullable {
			switch {
			case w.dialect != "mysql" && w.nullsFirst(c):
				term += " NULLS FIRST"
			case w.dialect != "mysql":
				term += " NULLS LAST"
			case w.nullsFirst(c) && w.desc(c): // MySQL holds nulls for the lowest values
				term = c.Name + " IS NULL DESC, " + term
			case !w.nullsFirst(c) && !w.desc(c):
				term = c.Name + " IS NULL, " + term
			}
		}
		terms = append(terms, term)
	}
	return "ORDER BY " + strings.Join(terms, ", ") + " LIMIT " + strconv.Itoa(w.req.Limit+1)
}
