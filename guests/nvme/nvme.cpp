// An NVMe drive on loan: each hart has a queue of its own, each request ends by an interrupt, and none is
// lost.
#include "guests/lib/balloon.hpp"
#include "guests/lib/interrupt_file.hpp"
#include "guests/lib/wires.hpp"
#include "guests/nvme/controller.hpp"

namespace antler::guests {
namespace {

using nvme::Controller;
using nvme::Opcode;
using nvme::Queue;

constexpr u32 most_depth = 16;
constexpr u32 first_identity = 20;
constexpr u64 words_of_a_page = page_bytes / 8;

// One hart's part.
struct Part {
    struct Slot {
        u64 data = 0;
        bool busy = false;
        bool reads = false;  // what it wrote before
        u16 identifier = 0;
        u64 sequence = 0;
    };
    Queue queue{};
    std::array<Slot, most_depth> slots{};
    u32 number = 0;
    u64 asked = 0, ended = 0;
    u64 interrupts = 0;
    u64 strange = 0;  // completions of nobody's request, or with an error
    u64 wrong = 0;    // pages that are not what was written there
    bool late = false;
};

struct Work {
    std::array<Part, max_harts> parts{};
    std::optional<Wires> wires{};  // of hart 0, where the drive raises its pin
    u32 source = 0;
    u32 depth = 1;
    u64 requests = 0;  // of each hart
    u64 seconds = 60;
    bool says = false;  // how far it is
    std::atomic<u64> done = 0;
};

// One in each sector.
void mark(Part const& part, Part::Slot const& slot) {
    for (u64 i = 0; i < words_of_a_page; i += 64)
        store<u64>(slot.data + i * 8, u64{part.number} << 56 | slot.sequence << 16 | i);
}
bool is_marked(Part const& part, Part::Slot const& slot) {
    for (u64 i = 0; i < words_of_a_page; i += 64)
        if (load<u64>(slot.data + i * 8) != (u64{part.number} << 56 | slot.sequence << 16 | i)) return false;
    return true;
}

void ask(Part& part, u32 index) {
    auto& slot = part.slots[index];
    constexpr u64 blocks = page_bytes / 512;
    slot.identifier = static_cast<u16>(part.asked * most_depth + index);
    if (slot.reads) {
        for (u64 i = 0; i < words_of_a_page; i += 64) store<u64>(slot.data + i * 8, 0);
    } else {
        slot.sequence = part.asked;
        mark(part, slot);
    }
    slot.busy = true;
    ++part.asked;
    part.queue.put(Controller::page(slot.reads ? Opcode::read : Opcode::write, slot.identifier,
                                    (u64{part.number} * most_depth + index) * blocks, slot.data));
}

void take(Part& part) {
    bool any = false;
    while (auto const ended = part.queue.take()) {
        any = true;
        auto& slot = part.slots[ended->command % most_depth];
        if (!slot.busy || slot.identifier != ended->command || ended->status != 0) {
            ++part.strange;
            continue;
        }
        if (slot.reads && !is_marked(part, slot)) ++part.wrong;
        slot.busy = false;
        slot.reads = !slot.reads;
        ++part.ended;
    }
    if (any) part.queue.tell_taken();
}

void take_message(Hart& hart, void* argument) {
    auto& part = static_cast<Work*>(argument)->parts[hart.id];
    auto const identity = static_cast<u32>(csr_stopei::swap(0) >> 16);
    // A board may be late to say that nothing is pending any more.                        [aia IMSIC 10]
    if (identity == 0) return;
    if (identity != first_identity + hart.id) ++part.strange;
    ++part.interrupts;
    take(part);
}

void take_wire(Hart& hart, void* argument) {
    auto& work = *static_cast<Work*>(argument);
    auto& part = work.parts[hart.id];
    auto const source = work.wires->claim();
    if (source == 0) return;
    if (source != work.source) ++part.strange;
    ++part.interrupts;
    take(part);
    work.wires->complete(source);
}

void work_through(Work& work, Part& part) {
    constexpr u64 often = 5'000;
    u64 told = often;
    while (part.ended < work.requests && !part.late) {
        auto const before = part.asked;
        for (u32 i = 0; i < work.depth && part.asked < work.requests; ++i)
            if (!part.slots[i].busy) ask(part, i);
        if (part.asked != before) part.queue.tell();
        interrupts_off();
        // A request that ends without an interrupt ends by nothing else.
        if (part.asked - part.ended == work.depth || part.asked == work.requests)
            if (part.ended < work.requests && !part.late) wait_for_interrupt();
        interrupts_on();
        if (work.says && part.ended >= told) {
            say("nvme: {} requests", told);
            told += often;
        }
    }
    work.done.fetch_add(1);
}

// Whoever waits too long for an interrupt has lost one.
void begin(Work& work) {
    auto const self = this_hart().id;
    if (work.wires) {
        on_interrupt(irq::external, take_wire, &work);
        work.wires->open(work.source);
    } else {
        File{self}.open(File::count_identities());
        on_interrupt(irq::external, take_message, &work);
    }
    on_interrupt(
        irq::timer,
        [](Hart& hart, void* argument) {
            static_cast<Work*>(argument)->parts[hart.id].late = true;
            sbi::set_timer(sbi::never);
        },
        &work);
    sbi::set_timer(now() + work.seconds * guest().hertz);
    csr::sie::set(irq::bit(irq::external) | irq::bit(irq::timer));
    interrupts_on();
}

void end() {
    interrupts_off();
    csr::sie::clear(irq::bit(irq::external) | irq::bit(irq::timer));
    sbi::set_timer(sbi::never);
}

void other(void* argument) {
    auto& work = *static_cast<Work*>(argument);
    begin(work);
    work_through(work, work.parts[this_hart().id]);
    end();
}

void report(Work const& work, Part const& part) {
    say("nvme: hart {}: {} requests, {} interrupts", part.number, part.ended, part.interrupts);
    check_equal("every request ended, by an interrupt", part.ended, work.requests);
    // Several that are under way may end with one; and a pin is raised by those of the administrator too.
    if (work.wires)
        check("each by one of its own", part.interrupts >= work.requests);
    else if (work.depth == 1)
        check_equal("each by one of its own", part.interrupts, work.requests);
    else
        check("none by none", part.interrupts <= work.requests && part.interrupts != 0);
    check_equal("none twice, nor one that nobody asked for", part.strange, 0);
    check_equal("each page is what was written there", part.wrong, 0);
}

// The drive reaches what no hart has touched, and not what was given back.
void reach(Controller& controller) {
    constexpr u64 granule = 2 * 1024 * 1024;
    auto const page = take_pages(granule / page_bytes, granule);
    auto const filled = [&] { return load<u8>(page + Controller::serial_number) == 'o'; };
    controller.identify(page);
    check("the drive has filled a page that no hart had touched", filled());
    Balloon balloon;
    check("the page is given back", balloon.inflate(page, 1));
    controller.identify(page);
    check_equal("the drive has not filled what is there now", load<u64>(page), 0);
    controller.identify(page);
    check("and fills it from then on", filled());
}

}  // namespace

void run() {
    constexpr u32 nvme_class = 0x01'0802;
    auto const function =
        PciFunction::find([](PciFunction const& f) { return f.class_code() == nvme_class; });
    if (!function) give_up("there is no NVMe drive");
    function->enable();
    Controller controller{*function};
    static Work work;
    auto const or_else = [](u32 told, u32 otherwise) { return told != 0 ? told : otherwise; };
    if (told("reach")) reach(controller);
    work.requests = or_else(number_of("requests="), 400);
    work.depth = or_else(number_of("depth="), 1);
    work.seconds = or_else(number_of("seconds="), 60);
    work.says = told("says");
    if (work.depth > most_depth) give_up("so many requests at once are too many");
    bool const wire = told("by=wire");
    u64 const harts = wire ? 1 : guest().hart_count;
    if (wire) {
        work.source = function->source().value_or(0);
        check("its pin is wired", work.source != 0);
        work.wires.emplace(u64{0});
    }
    if (!wire) {
        PciMessages const messages{*function};
        for (u32 hart = 0; hart < harts; ++hart)
            messages.set(hart + 1, File{hart}.page(), first_identity + hart);
        messages.enable();
    }
    for (u32 hart = 0; hart < harts; ++hart) {
        auto& part = work.parts[hart];
        part.number = hart;
        for (auto& slot : part.slots) slot.data = take_pages(1);
        controller.open(part.queue, hart + 1, wire ? 0 : hart + 1);
    }
    say("nvme: at work");
    for (u64 hart = 1; hart < harts; ++hart) start_hart(hart, other, &work);
    begin(work);
    auto const begun = now();
    work_through(work, work.parts[0]);
    auto const taken = now() - begun;
    (void)within(work.seconds * 1000, [&] { return work.done == harts; });
    end();
    say("nvme: {} us for each request", taken * 1'000'000 / guest().hertz / work.requests);
    for (u64 hart = 0; hart < harts; ++hart) report(work, work.parts[hart]);
    if (told("leave")) {  // in the middle of it
        for (u32 i = 0; i < most_depth; ++i) ask(work.parts[0], i);
        work.parts[0].queue.tell();
        say("nvme: leaves in the middle of it");
        asm volatile("csrw stvec, zero\n\tunimp");
    }
}

}  // namespace antler::guests
