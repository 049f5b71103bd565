package paginate

import "strconv"

// SQL returns the end of a SELECT that reads the page, with the arguments for its
// placeholders, of which the first has the number firstPlaceholder:
//
//	LIMIT $3 OFFSET $4
//
// The dialects are postgres, and mysql and sqlite, whose placeholders are
// question marks. The SELECT has to be ordered by something unique, or rows with
// equal values move between the pages.
func (r Request) SQL(dialect string, firstPlaceholder int) (string, []any) {
	args := []any{max(r.Limit, 0), r.Offset()}
	if dialect == "postgres" {
		return "LIMIT $" + strconv.Itoa(firstPlaceholder) + " OFFSET $" + strconv.Itoa(firstPlaceholder+1), args
	}
	return "LIMIT ? OFFSET ?", args
}

// CountSQL returns the SELECT that counts the rows of a FROM clause, which may
// end in a WHERE clause with placeholders:
//
//	SELECT count(*) FROM leads WHERE active = $1
//
// If most is above 0, it stops counting at most+1 rows, which is enough for
// [Page.Cap] to say that there are more, in PostgreSQL, MySQL and SQLite alike.
// The clause goes into the text as it is: never build it from what a caller sent.
func CountSQL(from string, most int) string {
	if most <= 0 {
		return "SELECT count(*) FROM " + from
	}
	return "SELECT count(*) FROM (SELECT 1 FROM " + from + " LIMIT " + strconv.Itoa(most+1) + ") AS counted"
}
