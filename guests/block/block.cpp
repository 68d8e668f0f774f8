// A disk by eight requests at a time: written, read, verified, measured; and what it refuses.
#include <cstring>

#include "guests/bench/measure.hpp"
#include "guests/block/drive.hpp"

namespace antler::guests {
namespace {

namespace feature = abi::virtio::block::feature;
constexpr u32 pages = 512;

void fill(u8* at, u64 sector, u32 seed) {
    auto* const words = reinterpret_cast<u64*>(at);
    for (u32 i = 0; i < Drive::page / 8; ++i)
        words[i] = (sector << 32 | seed << 16 | i) * 0x9e37'79b9'7f4a'7c15;
}
bool is_filled(u8 const* at, u64 sector, u32 seed) {
    auto const* const words = reinterpret_cast<u64 const*>(at);
    for (u32 i = 0; i < Drive::page / 8; ++i)
        if (words[i] != (sector << 32 | seed << 16 | i) * 0x9e37'79b9'7f4a'7c15) return false;
    return true;
}

// Calls prepare(slot, page) before each request and done(slot, page) after it.  How many ended well.
template <class Prepare, class Done>
u32 eight_at_a_time(Drive& drive, BlockType type, u32 count, Prepare&& prepare, Done&& done) {
    std::array<u32, Drive::depth> page_of{};
    u32 begun = 0;
    u32 ended = 0;
    u32 good = 0;
    auto const begin = [&](u32 slot) {
        page_of[slot] = begun++;
        prepare(slot, page_of[slot]);
        drive.put(slot, type, u64{page_of[slot]} * Drive::page_sectors);
    };
    for (u32 slot = 0; slot < Drive::depth && begun < count; ++slot) begin(slot);
    drive.kick();
    while (ended < count) {
        std::optional<u32> slot;
        if (!within(10'000, [&] { return (slot = drive.take()).has_value(); })) return good;
        for (; slot; slot = drive.take()) {
            ++ended;
            if (drive.status(*slot) == BlockStatus::ok && done(*slot, page_of[*slot])) ++good;
            if (begun < count) begin(*slot);
        }
        drive.kick();
    }
    return good;
}

u32 write_all(Drive& drive, u32 seed) {
    return eight_at_a_time(
        drive, BlockType::write, pages,
        [&](u32 slot, u32 n) { fill(drive.data(slot), u64{n} * Drive::page_sectors, seed); },
        [](u32, u32) { return true; });
}
u32 read_all(Drive& drive, u32 seed) {
    return eight_at_a_time(
        drive, BlockType::read, pages, [&](u32 slot, u32) { std::memset(drive.data(slot), 0, Drive::page); },
        [&](u32 slot, u32 n) { return is_filled(drive.data(slot), u64{n} * Drive::page_sectors, seed); });
}

bool ends_with(std::optional<BlockStatus> found, BlockStatus wanted) {
    return found && *found == wanted;
}

void say_serial(Drive& drive) {
    std::memset(drive.data(0), 0, 32);
    if (!ends_with(drive.ask(BlockType::identify, 0, abi::virtio::block::serial_bytes), BlockStatus::ok))
        return;
    say("block: serial {}", std::string_view{reinterpret_cast<char const*>(drive.data(0))});
}

void refuses(Drive& drive) {
    check("beyond the end is an error",
          ends_with(drive.ask(BlockType::read, drive.sectors() - 7, Drive::page), BlockStatus::io_error));
    check("far beyond too",
          ends_with(drive.ask(BlockType::read, ~u64{0} - 3, Drive::page), BlockStatus::io_error));
    check("and half a sector", ends_with(drive.ask(BlockType::read, 0, 700), BlockStatus::io_error));
    check("what nobody knows is unsupported",
          ends_with(drive.ask(static_cast<BlockType>(77), 0, Drive::page), BlockStatus::unsupported));
}

void test_writable(Drive& drive, u32 seed) {
    check_equal("eight at a time, every page is written", write_all(drive, seed), pages);
    check("a flush succeeds", ends_with(drive.ask(BlockType::flush, 0, 0), BlockStatus::ok));
    check_equal("eight at a time, every page is read as it was written", read_all(drive, seed), pages);
    check("one by interrupt", ends_with(drive.ask_and_sleep(BlockType::read, 0), BlockStatus::ok) &&
                                  is_filled(drive.data(0), 0, seed));
    refuses(drive);
    if (!drive.has(feature::discard)) return;
    auto* const stretch = reinterpret_cast<abi::virtio::block::Stretch*>(drive.data(0));
    *stretch = {64, 64, 0};
    check("a discard succeeds",
          ends_with(drive.ask(BlockType::discard, 0, sizeof *stretch), BlockStatus::ok));
    *stretch = {drive.sectors(), 1, 0};
    check("beyond the end it does not",
          ends_with(drive.ask(BlockType::discard, 0, sizeof *stretch), BlockStatus::io_error));
    check("its neighbours are as they were",
          ends_with(drive.ask(BlockType::read, 128), BlockStatus::ok) && is_filled(drive.data(0), 128, seed));
}

void test_read_only(Drive& drive) {
    std::memset(drive.data(0), 0xee, Drive::page);
    check("it can be read", ends_with(drive.ask(BlockType::read, 0), BlockStatus::ok));
    check("a write is an error", ends_with(drive.ask(BlockType::write, 0), BlockStatus::io_error));
    refuses(drive);
}

// What put() and take() cost this program, for so many requests, where nobody is behind them.
u64 own_ticks(Drive copy, BlockType type, u32 requests) {
    copy.detach();
    auto const rounds = requests / Drive::depth;
    auto start = bench::start_of_tick();
    for (u32 round = 0; round < rounds; ++round) {
        for (u32 slot = 0; slot < Drive::depth; ++slot) copy.put(slot, type, slot);
        if (copy.publish()) copy.tell();
        copy.play_the_device(Drive::depth);
        while (auto const slot = copy.take())
            if (copy.status(*slot) == static_cast<BlockStatus>(0x77)) return 0;
    }
    auto const with = now() - start;
    start = bench::start_of_tick();
    for (u32 round = 0; round < rounds; ++round) copy.play_the_device(Drive::depth);
    return with - (now() - start);
}

// Time beyond this program's own instructions, for each request of a page.
void measure_type(Drive& drive, std::string_view row, BlockType type) {
    u32 const requests = told("few") ? 128 : 4096;  // few where each instruction is written down
    if (!wanted("row=", row)) return;
    u64 looked = 0;
    u64 exits = 0;
    u32 begun = 0;
    u32 ended = 0;
    u32 bad = 0;
    auto const begin = [&](u32 slot) { drive.put(slot, type, u64{begun++ % pages} * Drive::page_sectors); };
    auto const start = bench::start_of_tick();
    for (u32 slot = 0; slot < Drive::depth; ++slot) begin(slot);
    drive.kick();
    while (ended < requests) {
        looked += drive.spin();
        while (auto const slot = drive.take()) {
            ++ended;
            if (drive.status(*slot) != BlockStatus::ok) ++bad;
            if (begun < requests) begin(*slot);
        }
        if (drive.publish()) {
            ++exits;
            drive.tell();
        }
    }
    auto const all = now() - start;
    auto const own =
        looked * Drive::spin_instructions / bench::instructions_per_tick() + own_ticks(drive, type, requests);
    check_equal("no measured request fails", bad, 0);
    bench::report(row, bench::tenths(all > own ? all - own : 0, requests));
    say("block: {} told the disk {} times for {} requests", row, exits, requests);
}

}  // namespace

void run() {
    auto drive = Drive::find(0);
    if (!drive) {
        check("there is no disk", told("none"));
        return;
    }
    say("block: {} sectors{}{}", drive->sectors(), drive->has(feature::read_only) ? ", read-only" : "",
        drive->has(feature::discard) ? ", discards" : "");
    say_serial(*drive);
    u32 const seed = told("second") ? 2 : 1;
    if (told("measure")) {
        measure_type(*drive, "block_4k", BlockType::read);
        measure_type(*drive, "block_4k_write", BlockType::write);
    } else if (told("full")) {
        check_equal("no write succeeds", write_all(*drive, seed), 0);
        check("reads do", ends_with(drive->ask(BlockType::read, 0), BlockStatus::ok));
    } else if (told("bad")) {
        check("a bad sector is an error", ends_with(drive->ask(BlockType::read, 0), BlockStatus::io_error));
        check("the others are not", ends_with(drive->ask(BlockType::read, 64), BlockStatus::ok));
    } else if (told("late")) {
        check("a write ends well", ends_with(drive->ask_and_sleep(BlockType::write, 0), BlockStatus::ok));
        auto const start = now();
        check("one that the disk does not answer is an error",
              ends_with(drive->ask_and_sleep(BlockType::write, 0, 100), BlockStatus::io_error));
        say("block: after {} s", (now() - start) / guest().hertz);
        check("and the disk is there again", ends_with(drive->ask(BlockType::read, 0), BlockStatus::ok));
    } else if (told("budget")) {
        auto const good = write_all(*drive, seed);
        check("some writes fit the overlay's memory, and the others are errors", good > 0 && good < pages);
        say("block: {} of {} pages fit", good, pages);
    } else if (told("kept")) {
        if (read_all(*drive, seed) == pages) return say("block: all is as it was written");
        check_equal("every page is written", write_all(*drive, seed), pages);
        check("a flush succeeds", ends_with(drive->ask(BlockType::flush, 0, 0), BlockStatus::ok));
        say("block: all is new");
    } else if (drive->has(feature::read_only)) {
        test_read_only(*drive);
    } else {
        test_writable(*drive, seed);
        if (told("wait")) {
            // Somebody else writes to the same base meanwhile.
            check_equal("every page is written again", write_all(*drive, seed), pages);
            auto const end = now() + guest().hertz;
            while (now() < end) pause();
            check_equal("nobody else's writes are seen", read_all(*drive, seed), pages);
        }
    }
    auto second = Drive::find(1);
    if (told("two"))
        check("the second disk can be read",
              second && ends_with(second->ask(BlockType::read, 0), BlockStatus::ok));
}

}  // namespace antler::guests
