package sqlstore_test

import (
	"database/sql"
	"testing"

	"github.com/tenetkit/tenet/resource/jobs/sqlstore"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		db   *sql.DB
		opts sqlstore.Options
		want string
	}{
		"no database": {nil, sqlstore.Options{Dialect: "sqlite"}, "sqlstore: New: db is required"},
		"no dialect":  {new(sql.DB), sqlstore.Options{}, `sqlstore: New: dialect "" is neither sqlite nor postgres`},
		"a prefix that is no name": {
			new(sql.DB),
			sqlstore.Options{Dialect: "postgres", Prefix: "x; DROP TABLE y; --"},
			`sqlstore: New: prefix "x; DROP TABLE y; --" is not made of lower-case letters, digits and _`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := sqlstore.New(tt.db, tt.opts); err == nil || err.Error() != tt.want {
				t.Errorf("New: error = %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := sqlstore.Schema(sqlstore.Options{Dialect: "oracle"}); err == nil {
		t.Error("Schema of another dialect: no error")
	}
	if _, err := sqlstore.New(new(sql.DB), sqlstore.Options{Dialect: "sqlite"}); err != nil {
		t.Errorf("New = %v", err)
	}
}
