/* A chat server in C: the floor that chatd is measured against. It serves the whole protocol in the
 * same way as chatd: one thread, one epoll set, level-triggered; one read for each readable client
 * into one buffer that all share; what follows is only queued, each queue is written once at the end
 * of the turn, and the SEND-OKs whose DELIVERY has thereby been taken leave in a second pass.
 *
 * It leaves out what makes chatd a daemon: the send timeout, the login timeout and the bound on
 * what is kept for all clients; the eviction of strangers when descriptors run out (it stops
 * accepting until somebody goes); the seed of the hash (who chooses names can choose chains); the
 * orderly stop (a signal ends it); IPv6 and names of hosts; the log. Out of memory, it exits.
 *
 * gcc -O2 -Wall -Wextra -std=gnu11 -o server server.c && ./server --port 5378 */

#define _GNU_SOURCE /* accept4, mempcpy */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS = 256,            /* taken from the kernel in one turn */
	ACCEPTS = 64,            /* in one turn */
	MOST_CLIENTS = 1 << 20,  /* descriptors, for which the table has room */
	READ_BUFFER = 16 << 10,  /* bytes read from a client in one turn */
	SEND_BUFFER = 64 << 10,  /* bytes, of each socket */
	HIGH_WATER = 64 << 10,   /* bytes queued for a client from which its input waits */
	NAME = 255,              /* bytes, the longest name */
	LINE_NEW = 11 + NAME,    /* longest line of a client that has not logged in: HELLO-FROM and a name */
	HEADER = 11,             /* strlen("HELLO-FROM "): what is kept of a line that is too long */
	LINGER_MS = 2000,
	LINGER_BYTES = 64 << 10,
	POOL_BYTES = 4 << 20,    /* of memory kept for use again */
};

/* A growing array of bytes, of which [start, end) is in use. */
struct bytes {
	char *at;
	size_t start, end, room;
};

/* What stands behind a SEND-OK: whose reply, and which. The ID of a client is its descriptor and,
 * in the high half, the generation of that: it grows when the client comes and when it goes. */
struct receipt {
	uint64_t owner;
	uint32_t slot;
};

/* A receipt is due when the kernel has taken `end` bytes of the queue in all. */
struct mark {
	uint64_t end;
	struct receipt receipt;
};

struct receipts {
	struct receipt *at;
	size_t count, room;
};

enum reply { PENDING, SEND_OK, LIST_OK, BAD_DEST_USER, BAD_RQST_HDR, BAD_RQST_BODY, IN_USE, BUSY };

static const char *const texts[] = {
	[SEND_OK] = "SEND-OK\n",
	[BAD_DEST_USER] = "BAD-DEST-USER\n",
	[BAD_RQST_HDR] = "BAD-RQST-HDR\n",
	[BAD_RQST_BODY] = "BAD-RQST-BODY\n",
	[IN_USE] = "IN-USE\n",
	[BUSY] = "BUSY\n",
};

enum phase {
	OPEN,
	FINISHING, /* no more is read; what is owed is awaited */
	DRAINING,  /* what is queued still leaves */
	LINGERING, /* the write side is shut; input is thrown away until it ends */
	DEAD,      /* to be buried at the end of the turn */
};

/* What a client is in the middle of. It exists only meanwhile. */
struct busy {
	int fd;
	enum phase phase;
	uint32_t armed;               /* what epoll has been asked for */
	bool touched, dirty;          /* on these lists */
	bool full;                    /* writing waits until there is room */
	bool ended;                   /* the end of input has been read */
	bool held;                    /* of `in`, lines could not be carried out yet */
	bool behind;                  /* a message of this client's is behind a full queue */
	bool too_long;                /* the line in `in` is, and is thrown away */
	size_t scanned;               /* how much of `in` has no line end */
	size_t thrown;                /* bytes of input while lingering */
	struct bytes in;              /* input that is not carried out yet */
	struct bytes out;             /* what the kernel has not taken yet */
	uint64_t taken;               /* what it has, in bytes */
	struct mark *marks;           /* in order, from first_mark on */
	size_t first_mark, mark_count, mark_room;
	uint8_t *replies;             /* owed in order, from first_reply on; slots are indices */
	size_t first_reply, reply_count, reply_room;
	size_t unsettled;             /* receipts that are out for this client */
	int64_t due;                  /* when lingering ends, in ms */
	struct busy *before, *after;  /* of those that linger */
};

struct name {
	uint32_t hash;
	uint16_t length;
	char text[];
};

/* All that an idle client has. Descriptor 0 is nobody: the epoll set is opened before the first
 * client comes. */
struct client {
	struct busy *busy;      /* NULL: idle */
	struct name *name;      /* NULL: not logged in */
	uint32_t generation;    /* odd while connected */
	uint32_t chain;         /* the next user with this hash */
	uint32_t before, after; /* in login order */
};

struct list {
	struct busy **at;
	size_t count, room;
};

static int set, listener;
static bool accepting = true;
static struct client *clients; /* by descriptor; what was never touched is not there yet */
static char buffer[READ_BUFFER];
static struct list touched, dirty, resumed, pool;
static size_t pooled; /* bytes */
static struct receipts due, undelivered;
static struct busy *first_lingering, *last_lingering;

static size_t users, max_users = 1 << 20, max_line = 1 << 20;
static uint32_t *chains; /* by hash */
static size_t chain_count = 1024; /* a power of two */
static uint32_t first_user, last_user;
static struct bytes list_text; /* empty after the list has changed */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Makes room for one more element than `count`. */
static void *grow(void *at, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return at;
	*room = *room ? 2 * *room : 8;
	at = realloc(at, *room * size);
	if (at == NULL)
		die("realloc");
	return at;
}

static void list_add(struct list *l, struct busy *b)
{
	l->at = grow(l->at, l->count, &l->room, sizeof *l->at);
	l->at[l->count++] = b;
}

static void receipts_add(struct receipts *r, struct receipt receipt)
{
	r->at = grow(r->at, r->count, &r->room, sizeof *r->at);
	r->at[r->count++] = receipt;
}

/* Makes room for n bytes at the end and counts them in. */
static char *extend(struct bytes *b, size_t n)
{
	if (b->room - b->end < n) {
		size_t used = b->end - b->start;
		if (b->start > 0) {
			memmove(b->at, b->at + b->start, used);
			b->start = 0;
			b->end = used;
		}
		if (b->room < used + n || b->room < 2 * used) { /* or moving would be most of the work */
			b->room = 2 * (used + n) < 256 ? 256 : 2 * (used + n);
			b->at = realloc(b->at, b->room);
			if (b->at == NULL)
				die("realloc");
		}
	}
	b->end += n;
	return b->at + b->end - n;
}

static void append(struct bytes *b, const void *text, size_t n) { memcpy(extend(b, n), text, n); }

static void take_off(struct bytes *b, size_t n)
{
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

static size_t size(const struct bytes *b) { return b->end - b->start; }

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the clients that are in the middle of something ---- */

static uint64_t id_of(int fd) { return (uint64_t)clients[fd].generation << 32 | (uint32_t)fd; }

static size_t memory(const struct busy *b)
{
	return sizeof *b + b->in.room + b->out.room + b->mark_room * sizeof *b->marks + b->reply_room;
}

static struct busy *touch(int fd)
{
	struct busy *b = clients[fd].busy;
	if (b == NULL) {
		if (pool.count > 0) {
			b = pool.at[--pool.count];
			pooled -= memory(b);
		} else if ((b = calloc(1, sizeof *b)) == NULL) {
			die("calloc");
		}
		b->fd = fd;
		b->armed = EPOLLIN;
		clients[fd].busy = b;
	}
	if (!b->touched) {
		b->touched = true;
		list_add(&touched, b);
	}
	return b;
}

/* NULL: whoever had the ID has gone. */
static struct busy *touch_id(uint64_t id)
{
	int fd = (int)(uint32_t)id;
	return clients[fd].generation == id >> 32 ? touch(fd) : NULL;
}

/* Keeps the memory for the next one who wakes up. */
static void release(struct busy *b)
{
	size_t bytes = memory(b);
	clients[b->fd].busy = NULL;
	if (pooled + bytes > POOL_BYTES) {
		free(b->in.at);
		free(b->out.at);
		free(b->marks);
		free(b->replies);
		free(b);
		return;
	}
	*b = (struct busy){
		.in = {.at = b->in.at, .room = b->in.room},
		.out = {.at = b->out.at, .room = b->out.room},
		.marks = b->marks, .mark_room = b->mark_room,
		.replies = b->replies, .reply_room = b->reply_room,
	};
	pooled += bytes;
	list_add(&pool, b);
}

static void soil(struct busy *b)
{
	if (!b->dirty && !b->full) {
		b->dirty = true;
		list_add(&dirty, b);
	}
}

static bool listens(const struct busy *b) { return b->phase <= FINISHING; }

/* ---- the users ---- */

static uint32_t hash(const char *text, size_t n) /* FNV-1a */
{
	uint32_t h = 2166136261;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)text[i]) * 16777619;
	return h;
}

/* 0: nobody has the name. */
static int find(const char *text, size_t n)
{
	uint32_t h = hash(text, n);
	uint32_t fd = chains[h & (chain_count - 1)];
	while (fd != 0) {
		const struct name *name = clients[fd].name;
		if (name->hash == h && name->length == n && memcmp(name->text, text, n) == 0)
			break;
		fd = clients[fd].chain;
	}
	return (int)fd;
}

static void put_on_chain(uint32_t fd)
{
	uint32_t *chain = &chains[clients[fd].name->hash & (chain_count - 1)];
	clients[fd].chain = *chain;
	*chain = fd;
}

static void add_user(uint32_t fd, const char *text, size_t n)
{
	struct client *c = &clients[fd];
	if ((c->name = malloc(sizeof *c->name + n)) == NULL)
		die("malloc");
	c->name->hash = hash(text, n);
	c->name->length = (uint16_t)n; /* at most LINE_NEW */
	memcpy(c->name->text, text, n);
	c->before = last_user;
	c->after = 0;
	*(last_user ? &clients[last_user].after : &first_user) = fd;
	last_user = fd;
	list_text.end = 0;
	if (++users <= chain_count) {
		put_on_chain(fd);
		return;
	}
	chain_count *= 2;
	free(chains);
	if ((chains = calloc(chain_count, sizeof *chains)) == NULL)
		die("calloc");
	for (uint32_t u = first_user; u != 0; u = clients[u].after)
		put_on_chain(u);
}

static void log_out(uint32_t fd)
{
	struct client *c = &clients[fd];
	if (c->name == NULL)
		return;
	uint32_t *link = &chains[c->name->hash & (chain_count - 1)];
	while (*link != fd)
		link = &clients[*link].chain;
	*link = c->chain;
	*(c->before ? &clients[c->before].after : &first_user) = c->after;
	*(c->after ? &clients[c->after].before : &last_user) = c->before;
	free(c->name);
	c->name = NULL;
	users--;
	list_text.end = 0;
}

static const struct bytes *user_list(void)
{
	if (list_text.end == 0) {
		append(&list_text, "LIST-OK ", 8);
		for (uint32_t u = first_user; u != 0; u = clients[u].after) {
			append(&list_text, clients[u].name->text, clients[u].name->length);
			append(&list_text, ",", 1);
		}
		list_text.at[list_text.end - 1] = '\n';
	}
	return &list_text;
}

/* No control byte, space or comma; whole UTF-8. */
static bool valid_name(const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + n;
	if (n > NAME)
		return false;
	while (p < end) {
		uint32_t rune = *p++, least;
		int more;
		if (rune < 0x80) {
			if (rune <= ' ' || rune == ',' || rune == 0x7F)
				return false;
			continue;
		} else if (rune >= 0xC2 && rune < 0xE0) {
			more = 1, least = 0x80, rune &= 0x1F;
		} else if (rune >= 0xE0 && rune < 0xF0) {
			more = 2, least = 0x800, rune &= 0x0F;
		} else if (rune >= 0xF0 && rune < 0xF5) {
			more = 3, least = 0x10000, rune &= 0x07;
		} else {
			return false;
		}
		for (; more > 0; more--, p++) {
			if (p == end || (*p & 0xC0) != 0x80)
				return false;
			rune = rune << 6 | (*p & 0x3F);
		}
		if (rune < least || rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000))
			return false;
		if (rune < 0xA0 || (rune >= 0x2028 && rune <= 0x202E) || (rune >= 0x2066 && rune <= 0x2069))
			return false; /* a control character, or one that breaks a line or turns its direction */
	}
	return n > 0;
}

/* ---- the protocol ---- */

static void say(struct busy *b, enum reply reply)
{
	if (!listens(b))
		return;
	if (reply == LIST_OK)
		append(&b->out, user_list()->at, user_list()->end);
	else
		append(&b->out, texts[reply], strlen(texts[reply]));
	soil(b);
}

static bool owing(const struct busy *b) { return b->first_reply < b->reply_count; }

static uint32_t owe(struct busy *b, enum reply reply)
{
	b->replies = grow(b->replies, b->reply_count, &b->reply_room, 1);
	b->replies[b->reply_count] = reply;
	return (uint32_t)b->reply_count++;
}

/* Answers now, or behind the replies that are owed. */
static void answer(struct busy *b, enum reply reply)
{
	if (owing(b))
		owe(b, reply);
	else
		say(b, reply);
}

/* Answers and closes. */
static void dismiss(struct busy *b, enum reply reply)
{
	say(b, reply);
	b->phase = DRAINING;
}

/* Says what became of a message, and what had to wait for that. */
static void settle(struct receipts *receipts, enum reply reply)
{
	for (size_t i = 0; i < receipts->count; i++) {
		struct busy *b = touch_id(receipts->at[i].owner);
		if (b == NULL)
			continue;
		if (--b->unsettled == 0)
			b->behind = false;
		b->replies[receipts->at[i].slot] = reply;
		while (owing(b) && b->replies[b->first_reply] != PENDING)
			say(b, b->replies[b->first_reply++]);
		if (!owing(b))
			b->first_reply = b->reply_count = 0;
	}
	receipts->count = 0;
}

static void send_message(struct busy *b, int target, const char *message, size_t n)
{
	const struct name *sender = clients[b->fd].name;
	struct busy *t = touch(target);
	char *p = extend(&t->out, 9 + sender->length + 1 + n + 1);
	p = mempcpy(p, "DELIVERY ", 9);
	p = mempcpy(p, sender->text, sender->length);
	*p++ = ' ';
	p = mempcpy(p, message, n);
	*p = '\n';
	t->marks = grow(t->marks, t->mark_count, &t->mark_room, sizeof *t->marks);
	t->marks[t->mark_count++] = (struct mark){
		.end = t->taken + size(&t->out),
		.receipt = {.owner = id_of(b->fd), .slot = owe(b, PENDING)},
	};
	b->unsettled++;
	if (size(&t->out) > HIGH_WATER)
		b->behind = true;
	soil(t);
}

/* Carries out a line of a user. Of a line that is too long, the beginning is enough. */
static void serve(struct busy *b, const char *line, size_t n)
{
	const char *end = line + n, *space = memchr(line, ' ', n);
	size_t header = space ? (size_t)(space - line) : n;
	if (header == 4 && memcmp(line, "SEND", 4) == 0) {
		const char *name = space ? space : end;
		while (name < end && *name == ' ')
			name++;
		space = memchr(name, ' ', (size_t)(end - name));
		if (b->too_long || space == NULL || space + 1 == end) {
			answer(b, BAD_RQST_BODY);
			return;
		}
		int target = find(name, (size_t)(space - name));
		if (target != 0)
			send_message(b, target, space + 1, (size_t)(end - space - 1));
		else
			answer(b, valid_name(name, (size_t)(space - name)) ? BAD_DEST_USER : BAD_RQST_BODY);
	} else if (header == 4 && memcmp(line, "LIST", 4) == 0) {
		answer(b, space ? BAD_RQST_BODY : LIST_OK);
	} else {
		answer(b, BAD_RQST_HDR);
	}
}

/* Carries out a line of a client that has not logged in; without its end, if it is too long. */
static void greet(struct busy *b, const char *line, size_t n, bool ended)
{
	bool named = n >= HEADER && memcmp(line, "HELLO-FROM ", HEADER) == 0;
	if (!named && !(n == HEADER - 1 && memcmp(line, "HELLO-FROM", HEADER - 1) == 0)) {
		dismiss(b, BAD_RQST_HDR);
	} else if (users >= max_users) {
		if (ended)
			say(b, BUSY);
	} else if (!named || b->too_long || !valid_name(line + HEADER, n - HEADER)) {
		dismiss(b, BAD_RQST_BODY);
	} else if (find(line + HEADER, n - HEADER) != 0) {
		dismiss(b, IN_USE);
	} else {
		add_user((uint32_t)b->fd, line + HEADER, n - HEADER);
		append(&b->out, "HELLO ", 6);
		append(&b->out, line + HEADER, n - HEADER);
		append(&b->out, "\n", 1);
		soil(b);
	}
}

static bool may_run(const struct busy *b)
{
	return listens(b) && size(&b->out) < HIGH_WATER && !b->behind &&
	       !(owing(b) && b->replies[b->reply_count - 1] == LIST_OK);
}

/* Carries out the lines of [at, at+n), as far as it may now. Returns what is left of it: how many
 * bytes, and where they begin. */
static size_t run_lines(struct busy *b, const char **at, size_t n)
{
	const char *line = *at, *end = line + n;
	for (b->held = false; line < end && !b->held; b->held = !may_run(b)) {
		const char *stop = memchr(line + b->scanned, '\n', (size_t)(end - line) - b->scanned);
		size_t length = (size_t)((stop ? stop : end) - line);
		size_t limit = clients[b->fd].name || max_line < LINE_NEW ? max_line : LINE_NEW;
		if (length > 0 && line[length - 1] == '\r')
			length--;
		if (length > limit)
			b->too_long = true;
		if (b->too_long && length > HEADER)
			length = HEADER;
		if (clients[b->fd].name == NULL && (stop || b->too_long))
			greet(b, line, length, stop != NULL);
		else if (stop)
			serve(b, line, length);
		if (stop == NULL) {
			b->scanned = b->too_long ? length : (size_t)(end - line);
			*at = line;
			return b->scanned;
		}
		b->too_long = false;
		b->scanned = 0;
		line = stop + 1;
	}
	*at = line;
	return (size_t)(end - line);
}

static void run(struct busy *b, const char *text, size_t n)
{
	const char *rest = text;
	if (size(&b->in) == 0) {
		n = run_lines(b, &rest, n);
		if (n > 0)
			append(&b->in, rest, n);
	} else {
		append(&b->in, text, n);
		rest = b->in.at + b->in.start;
		n = run_lines(b, &rest, size(&b->in));
		b->in.end = (size_t)(rest - b->in.at) + n;
		take_off(&b->in, size(&b->in) - n);
	}
	if (!listens(b)) {
		b->in.start = b->in.end = 0; /* nothing is carried out after an answer that closes */
		b->held = false;
	}
}

/* ---- the connections ---- */

/* The descriptor is closed at the end of the turn. */
static void kill_client(struct busy *b)
{
	if (b->phase == LINGERING) {
		*(b->before ? &b->before->after : &first_lingering) = b->after;
		*(b->after ? &b->after->before : &last_lingering) = b->before;
	}
	log_out((uint32_t)b->fd);
	b->phase = DEAD;
	b->held = false;
	b->in.start = b->in.end = b->out.start = b->out.end = 0;
	while (b->first_mark < b->mark_count)
		receipts_add(&undelivered, b->marks[b->first_mark++].receipt);
	touch(b->fd);
}

static uint32_t interest(const struct busy *b)
{
	uint32_t wanted = size(&b->out) > 0 ? EPOLLOUT : 0;
	if (b->phase == LINGERING || (b->phase == OPEN && b->unsettled == 0 && size(&b->out) < HIGH_WATER))
		wanted |= EPOLLIN;
	return wanted;
}

static bool weather(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

static void read_in(struct busy *b)
{
	ssize_t n = read(b->fd, buffer, sizeof buffer);
	if (n < 0) {
		if (!weather(errno))
			kill_client(b);
	} else if (b->phase == LINGERING) {
		b->thrown += (size_t)n;
		if (n == 0 || b->thrown >= LINGER_BYTES)
			kill_client(b);
	} else if (n == 0) {
		b->ended = true;
		b->phase = FINISHING;
	} else {
		run(b, buffer, (size_t)n);
	}
}

static void write_out(struct busy *b)
{
	size_t offered = size(&b->out);
	if (offered == 0)
		return;
	ssize_t n = write(b->fd, b->out.at + b->out.start, offered);
	if (n < 0) {
		if (weather(errno))
			b->full = true;
		else
			kill_client(b);
		return;
	}
	b->taken += (size_t)n;
	b->full = (size_t)n < offered;
	take_off(&b->out, (size_t)n);
	while (b->first_mark < b->mark_count && b->marks[b->first_mark].end <= b->taken)
		receipts_add(&due, b->marks[b->first_mark++].receipt);
	if (b->first_mark == b->mark_count)
		b->first_mark = b->mark_count = 0;
}

static void flush(void)
{
	while (dirty.count > 0 || undelivered.count > 0) {
		for (size_t i = 0; i < dirty.count; i++) {
			dirty.at[i]->dirty = false;
			write_out(dirty.at[i]);
		}
		dirty.count = 0;
		settle(&due, SEND_OK);
		settle(&undelivered, BAD_DEST_USER);
	}
}

/* Lets a connection take the next steps of its life. */
static void advance(struct busy *b)
{
	if (b->phase == FINISHING && !b->held && b->unsettled == 0)
		b->phase = DRAINING;
	if (b->phase != DRAINING)
		return;
	log_out((uint32_t)b->fd);
	if (size(&b->out) > 0)
		return;
	if (b->ended || shutdown(b->fd, SHUT_WR) != 0) {
		kill_client(b);
		return;
	}
	b->phase = LINGERING; /* to close with unread input would send a reset */
	b->due = now_ms() + LINGER_MS;
	b->before = last_lingering;
	*(last_lingering ? &last_lingering->after : &first_lingering) = b;
	last_lingering = b;
}

static void control(int operation, int fd, uint64_t id, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u64 = id};
	if (epoll_ctl(set, operation, fd, &e) != 0)
		die("epoll_ctl");
}

static void accept_again(bool again)
{
	accepting = again;
	control(EPOLL_CTL_MOD, listener, (uint64_t)listener, again ? EPOLLIN : 0);
}

/* Leaves all that were touched in this turn as they can wait for the next. */
static void tend(void)
{
	for (size_t i = 0; i < touched.count; i++) {
		struct busy *b = touched.at[i];
		advance(b);
		b->touched = false;
		if (b->phase == DEAD) {
			close(b->fd);
			clients[b->fd].generation++;
			release(b);
			if (!accepting)
				accept_again(true);
			continue;
		}
		uint32_t wanted = interest(b);
		if (wanted != b->armed) {
			control(EPOLL_CTL_MOD, b->fd, id_of(b->fd), wanted);
			b->armed = wanted;
		}
		if (b->held && b->unsettled == 0 && may_run(b))
			list_add(&resumed, b);
		else if (b->phase == OPEN && wanted == EPOLLIN && size(&b->in) == 0 && b->unsettled == 0)
			release(b);
	}
	touched.count = 0;
}

static void accept_some(void)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			clients[fd].generation++;
			control(EPOLL_CTL_ADD, fd, id_of(fd), EPOLLIN);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			accept_again(false); /* until somebody goes */
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

static void turn(void)
{
	static struct epoll_event events[EVENTS];
	int timeout = -1;
	if (resumed.count > 0 || undelivered.count > 0) {
		timeout = 0;
	} else if (first_lingering) {
		int64_t left = first_lingering->due - now_ms();
		timeout = left > 0 ? (int)left : 0;
	}
	int n = epoll_wait(set, events, EVENTS, timeout);
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (size_t i = 0; i < resumed.count; i++)
		run(touch(resumed.at[i]->fd), NULL, 0);
	resumed.count = 0;
	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == (uint64_t)listener) {
			accept_some();
			continue;
		}
		struct busy *b = touch_id(events[i].data.u64);
		if (b == NULL)
			continue;
		if (events[i].events & EPOLLOUT) {
			b->full = false;
			soil(b);
		}
		if ((events[i].events & ~(uint32_t)EPOLLOUT) == 0)
			continue;
		if ((interest(b) & EPOLLIN) && !b->held)
			read_in(b);
		else if (events[i].events & (EPOLLERR | EPOLLHUP))
			kill_client(b);
	}
	if (first_lingering) {
		for (int64_t now = now_ms(); first_lingering && first_lingering->due <= now;)
			kill_client(first_lingering);
	}
	flush();
	tend();
}

static void option(int level, int name, int value)
{
	if (setsockopt(listener, level, name, &value, sizeof value) != 0)
		die("setsockopt");
}

/* What every connection needs is set here once: accept(2) hands it on. */
static void listen_at(const char *address, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t length = sizeof a;
	if (inet_pton(AF_INET, address, &a.sin_addr) != 1) {
		fprintf(stderr, "%s is no IPv4 address\n", address);
		exit(2);
	}
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0)
		die("socket");
	option(SOL_SOCKET, SO_REUSEADDR, 1);
	option(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
	option(SOL_SOCKET, SO_KEEPALIVE, 1);
	option(IPPROTO_TCP, TCP_KEEPIDLE, 60);
	option(IPPROTO_TCP, TCP_KEEPINTVL, 10);
	option(IPPROTO_TCP, TCP_KEEPCNT, 3);
	option(IPPROTO_TCP, TCP_USER_TIMEOUT, 90000);
	option(IPPROTO_TCP, TCP_NODELAY, 1);
	if (bind(listener, (struct sockaddr *)&a, length) != 0 || listen(listener, 4096) != 0 ||
	    getsockname(listener, (struct sockaddr *)&a, &length) != 0)
		die(address);
	fprintf(stderr, "listening address=%s:%d\n", address, ntohs(a.sin_port));
}

int main(int argc, char **argv)
{
	static const struct option flags[] = {
		{"address", required_argument, NULL, 'a'},   {"port", required_argument, NULL, 'p'},
		{"max-users", required_argument, NULL, 'u'}, {"max-line", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	const char *address = "127.0.0.1";
	int flag, port = 5378;
	while ((flag = getopt_long(argc, argv, "a:p:", flags, NULL)) != -1) {
		switch (flag) {
		case 'a': address = optarg; break;
		case 'p': port = atoi(optarg); break;
		case 'u': max_users = strtoul(optarg, NULL, 10); break;
		case 'l': max_line = strtoul(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max < MOST_CLIENTS ? limit.rlim_max : MOST_CLIENTS;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("setrlimit");
	set = epoll_create1(EPOLL_CLOEXEC);
	clients = calloc(limit.rlim_cur, sizeof *clients);
	chains = calloc(chain_count, sizeof *chains);
	if (set < 0 || clients == NULL || chains == NULL)
		die("epoll_create1, calloc");
	listen_at(address, port);
	control(EPOLL_CTL_ADD, listener, (uint64_t)listener, EPOLLIN);
	puts("Server is on");
	fflush(stdout);
	for (;;)
		turn();
}
