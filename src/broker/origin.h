/* Which web pages may open a WebSocket (RFC 6455, 10.2).
 *
 * A browser lets any page of any site connect to this machine, and says in Origin which site it is. While a listener
 * takes everybody because only this machine reaches it, such a page would be the way in from outside. */
#ifndef BROKER_ORIGIN_H
#define BROKER_ORIGIN_H

#include "base/str.h"

#include <stdbool.h>

struct channel;

/* What may stand in a list: `*`, `null` (pages without a site), or scheme://host[:port] with nothing behind. */
bool origin_is_valid(struct str origin);

/* Whether the list names it, or `*`. */
bool origin_is_listed(struct str origin, char *const *list, size_t count);

/* Whether the page is of this machine: its host is loopback, or it is an address and what `host` (the request's) says.
 * A name that equals `host` proves nothing: whoever owns it may let it point here (DNS rebinding). */
bool origin_is_local(struct str origin, struct str host);

/* listener_options.may_upgrade of every listener: the listener's own list; without one, any page, but where nobody has
 * to log in because the listener is local, only pages of this machine. Thread: the channel's. */
bool origin_may_upgrade(const struct channel *channel, struct str origin, struct str host);

#endif
