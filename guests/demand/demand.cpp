// Touches all of its memory: every word is zero at first, and keeps what is written to it.
#include "guests/lib/guest.hpp"

namespace antler::guests {

void run() {
    auto const bytes = free_bytes() & ~(page_bytes - 1);
    auto const start = take_pages(bytes / page_bytes);
    say("demand: {} MiB at {:x}", bytes >> 20, start);
    u64 not_zero = 0;
    u64 first_found = 0;
    // From the end to the start, and a stride that is no page's, so that no block is met in its order.
    for (u64 at = start + bytes - page_bytes; at >= start; at -= page_bytes)
        for (u64 offset = 0; offset < page_bytes; offset += 8)
            if (load<u64>(at + offset) != 0 && not_zero++ == 0) first_found = at + offset;
    if (not_zero != 0) say("demand: the word at {:x} is {:x}", first_found, load<u64>(first_found));
    check_equal("words that are not zero", not_zero, 0);
    for (u64 at = start; at < start + bytes; at += page_bytes / 2) store<u64>(at, at * 0x9e37'79b9'7f4a'7c15);
    u64 lost = 0;
    for (u64 at = start; at < start + bytes; at += page_bytes / 2)
        if (load<u64>(at) != at * 0x9e37'79b9'7f4a'7c15) ++lost;
    check_equal("words that were lost", lost, 0);
}

}  // namespace antler::guests
