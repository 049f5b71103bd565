-- name: ListUsers :many
SELECT id, email, name FROM users ORDER BY id LIMIT ? OFFSET ?;

-- name: CountUsers :one
SELECT count(*) FROM users;

-- name: GetUser :one
SELECT id, email, name FROM users WHERE id = ?;

-- name: CreateUser :one
INSERT INTO users (email, name) VALUES (?, ?) RETURNING id, email, name;
