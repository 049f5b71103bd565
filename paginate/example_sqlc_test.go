package paginate_test

import (
	"context"
	"net/http"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/paginate"
)

// What sqlc makes of
//
//	-- name: ListAuthors :many
//	SELECT id, name FROM authors ORDER BY name, id LIMIT $1 OFFSET $2;
//
//	-- name: CountAuthors :one
//	SELECT count(*) FROM authors;
type (
	Author struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	ListAuthorsParams struct {
		Limit  int32
		Offset int32
	}
	Queries struct{ authors []Author }
)

func (q *Queries) ListAuthors(_ context.Context, arg ListAuthorsParams) ([]Author, error) {
	start := min(int(arg.Offset), len(q.authors))
	return q.authors[start:min(start+int(arg.Limit), len(q.authors))], nil
}

func (q *Queries) CountAuthors(context.Context) (int64, error) { return int64(len(q.authors)), nil }

// Paging a query of sqlc: Limit and Offset are plain numbers. The default bound
// on the offset keeps them within an int32.
func Example_sqlc() {
	queries := &Queries{authors: []Author{{1, "Ada"}, {2, "Barbara"}, {3, "Grace"}}}

	h := apierror.Handler(func(w http.ResponseWriter, r *http.Request) error {
		req, err := paginate.Options{}.ParseRequest(r)
		if err != nil {
			return err
		}
		authors, err := queries.ListAuthors(r.Context(), ListAuthorsParams{
			Limit:  int32(req.Limit),
			Offset: int32(req.Offset()),
		})
		if err != nil {
			return err
		}
		total, err := queries.CountAuthors(r.Context())
		if err != nil {
			return err
		}
		return paginate.Write(w, r, paginate.NewPage(req, authors, int(total)))
	})

	get(h, "/authors?page=2&limit=2")
	// Output:
	// 200 {"data":[{"id":3,"name":"Grace"}],"total":3,"page":2,"limit":2}
	// Link: <?page=1&limit=2>; rel="first", <?page=1&limit=2>; rel="prev", <?page=2&limit=2>; rel="last"
}
