// What the firmware's device tree says about the real board.
#include "platform/board.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace antler::platform {

namespace {

using abi::FdtNode;
using abi::FdtReader;
using abi::FdtWalk;

// Interrupt numbers of a cpu-intc are the bits of sip; this one is SEIP.  [norm:sip_seip_sie_seie]
constexpr u32 supervisor_external = 9;

// More nodes of a kind than a board has, so that the right one can be picked when all were seen.
constexpr usize max_candidates = 8;

struct Candidate {
    FdtNode node{};
    HpaRange registers{};
};
using Candidates = BoundedList<Candidate, max_candidates>;

[[nodiscard]] std::optional<HpaRange> registers_of(FdtWalk const& walk, usize index = 0) {
    auto const region = walk.reg(index);
    if (!region) return std::nullopt;
    HpaRange const range{Hpa{region->address}, region->size};
    if (range.size == 0 || range.wraps()) return std::nullopt;
    return range;
}

[[nodiscard]] u32 number32(FdtNode const& node, std::string_view name, u32 otherwise = 0) {
    auto const value = node.number(name);
    return value && *value <= 0xffff'ffff ? static_cast<u32>(*value) : otherwise;
}

// ---- harts

void read_hart(FdtNode const& node, Board& board) {
    auto const id = node.reg();
    if (!id) return;
    BoardHart hart;
    hart.id = id->address;
    hart.enabled = node.enabled();
    hart.isa_string = node.text("riscv,isa").value_or("");
    if (auto const list = node.property("riscv,isa-extensions")) hart.extensions = list->bytes;
    hart.mmu_type = node.text("mmu-type").value_or("");
    hart.cbom_block = number32(node, "riscv,cbom-block-size");
    hart.cboz_block = number32(node, "riscv,cboz-block-size");
    hart.cbop_block = number32(node, "riscv,cbop-block-size");
    for (auto const child : node.children())
        if (child.compatible("riscv,cpu-intc")) hart.interrupt_controller = child.phandle().value_or(0);
    if (board.timebase.hertz == 0) board.timebase.hertz = node.number("timebase-frequency").value_or(0);
    static_cast<void>(board.harts.push(hart));  // the list counts those it has no room for
}

// The last cache is the one that harts share.  Where the tree does not give the lines' length, blocks are
// lines.
void read_cache(FdtNode const& node, Board& board) {
    auto const level = number32(node, "cache-level");
    auto const line = number32(node, "cache-line-size", number32(node, "cache-block-size"));
    auto const way = u64{number32(node, "cache-sets")} * line;
    if (way == 0 || level < board.cache_level) return;
    board.cache_way =
        level == board.cache_level && board.cache_way != 0 ? std::min(board.cache_way, way) : way;
    board.cache_level = level;
}

// Calls body(index, hart, interrupt) for each entry of interrupts-extended that leads to a hart of the board.
// A cpu-intc takes one cell, and nothing but cpu-intcs is above these controllers.
template <class Body>
void for_each_context(FdtNode const& controller, Board& board, Body&& body) {
    auto const list = controller.property("interrupts-extended");
    if (!list) return;
    for (usize n = 0; n * 2 + 1 < list->cells(); ++n) {
        auto const phandle = list->cell(n * 2).value_or(0);
        if (phandle == 0) continue;
        // Trees list harts in the order of contexts or in the opposite one: usually found near one end.
        for (auto& hart : board.harts)
            if (hart.interrupt_controller == phandle) {
                body(static_cast<u16>(n), hart, list->cell(n * 2 + 1).value_or(0));
                break;
            }
    }
}

[[nodiscard]] bool reaches_supervisor(FdtNode const& controller, Board& board) {
    bool found = false;
    for_each_context(controller, board,
                     [&](u16, BoardHart&, u32 interrupt) { found |= interrupt == supervisor_external; });
    return found;
}

// ---- memory

[[nodiscard]] Result<void> reserve(HpaRange range, Board& board) {
    if (range.size == 0) return {};
    if (range.wraps()) return Err{Error::bad_format};
    if (!board.reserved.push(range)) return Err{Error::full};
    return {};
}

void read_memory(FdtWalk const& walk, Board& board) {
    for (usize i = 0; i < walk.node().reg_count(); ++i)
        if (auto const bank = registers_of(walk, i)) static_cast<void>(board.memory.push(*bank));
}

// ---- the console

// What stdout-path names, and the speed that may follow it: "serial0:115200n8".
struct Stdout {
    std::optional<FdtNode> node{};
    u32 speed = 0;
};

[[nodiscard]] Stdout find_stdout(FdtReader const& tree, std::string_view path) {
    Stdout found;
    auto const colon = path.find(':');
    if (colon != std::string_view::npos)
        for (auto const c : path.substr(colon + 1)) {
            if (c < '0' || c > '9' || found.speed > 100'000'000) break;
            found.speed = found.speed * 10 + static_cast<u32>(c - '0');
        }
    found.node = tree.find(path.substr(0, colon));
    if (!found.node && path.empty()) found.node = tree.find("serial0");
    return found;
}

[[nodiscard]] bool is_8250(FdtNode const& node) {
    auto const list = node.property("compatible");
    if (!list) return false;
    constexpr std::array<std::string_view, 5> kinds{"ns16550a", "ns16550", "ns16450", "ns8250",
                                                    "snps,dw-apb-uart"};
    for (auto const kind : kinds)
        if (list->lists(kind)) return true;
    return false;
}

[[nodiscard]] std::optional<BoardInterrupt> interrupt_of(FdtWalk const& walk) {
    auto const node = walk.node();
    if (auto const extended = node.property("interrupts-extended")) {
        auto const controller = extended->cell(0);
        auto const source = extended->cell(1);
        if (!controller || !source) return std::nullopt;
        return BoardInterrupt{*controller, *source, extended->cell(2).value_or(0)};
    }
    auto const list = node.property("interrupts");
    auto const source = list ? list->cell(0) : std::nullopt;
    if (!source) return std::nullopt;
    // The parent may be said by any node above.
    for (auto level = walk.depth() + 1; level-- > 0;)
        if (auto const parent = walk.ancestor(level).number("interrupt-parent"))
            return BoardInterrupt{static_cast<u32>(*parent), *source, list->cell(1).value_or(0)};
    return std::nullopt;
}

[[nodiscard]] u32 clock_of(FdtReader const& tree, FdtNode const& node) {
    if (auto const direct = node.number("clock-frequency")) return static_cast<u32>(*direct);
    auto const clocks = node.property("clocks");
    auto const phandle = clocks ? clocks->cell(0) : std::nullopt;
    auto const clock = phandle ? tree.by_phandle(*phandle) : std::nullopt;
    return clock ? number32(*clock, "clock-frequency") : 0;
}

std::optional<BoardUart> read_uart(FdtReader const& tree, FdtWalk const& walk, u32 speed) {
    auto const node = walk.node();
    auto const registers = registers_of(walk);
    if (!registers || !is_8250(node)) return std::nullopt;
    BoardUart uart;
    uart.registers = *registers;
    // A driver computes 1 << shift and an access of `width` bytes: what is neither is not a 16550 we can use.
    uart.register_shift = number32(node, "reg-shift");
    uart.register_width = number32(node, "reg-io-width", 1);
    if (uart.register_shift > 4) return std::nullopt;
    if (uart.register_width != 1 && uart.register_width != 2 && uart.register_width != 4) return std::nullopt;
    if (registers->size < u64{8} << uart.register_shift) return std::nullopt;
    uart.registers.start = uart.registers.start + number32(node, "reg-offset");
    uart.clock = clock_of(tree, node);
    uart.speed = speed != 0 ? speed : number32(node, "current-speed");
    uart.interrupt = interrupt_of(walk);
    return uart;
}

// ---- interrupt controllers

void read_plic(Candidate const& found, Board& board) {
    BoardPlic plic;
    plic.registers = found.registers;
    plic.phandle = found.node.phandle().value_or(0);
    plic.sources = number32(found.node, "riscv,ndev");
    auto const list = found.node.property("interrupts-extended");
    plic.contexts = list ? static_cast<u32>(list->cells() / 2) : 0;
    for_each_context(found.node, board, [](u16 index, BoardHart& hart, u32 interrupt) {
        if (interrupt == supervisor_external) hart.plic_context = index;
    });
    board.plic = plic;
}

void read_imsic(FdtReader const& tree, Candidate const& found, Board& board) {
    BoardImsic imsic;
    // All its register sets, which only a walk can translate.
    FdtWalk walk{tree};
    while (walk.next())
        if (walk.node() == found.node)
            for (usize i = 0; i < walk.node().reg_count(); ++i)
                if (auto const group = registers_of(walk, i)) static_cast<void>(imsic.groups.push(*group));
    auto const& node = found.node;
    imsic.phandle = node.phandle().value_or(0);
    imsic.identities = number32(node, "riscv,num-ids");
    u32 files = 0;
    for_each_context(node, board, [&](u16 index, BoardHart& hart, u32 interrupt) {
        files = std::max(files, u32{index} + 1);
        if (interrupt == supervisor_external) hart.imsic_index = index;
    });
    imsic.layout = {
        .guest_bits = number32(node, "riscv,guest-index-bits"),
        .hart_bits = number32(node, "riscv,hart-index-bits", static_cast<u32>(std::bit_width(files - 1))),
        .group_bits = number32(node, "riscv,group-index-bits"),
        .group_shift = number32(node, "riscv,group-index-shift", 24)};
    if (!imsic.layout.is_sound() || !isa::is_identity_count(imsic.identities)) return;
    board.imsic = imsic;
}

void read_aplic(Candidate const& found, bool message_signalled, Board& board) {
    BoardAplic aplic;
    aplic.registers = found.registers;
    aplic.phandle = found.node.phandle().value_or(0);
    aplic.sources = number32(found.node, "riscv,num-sources");
    aplic.message_signalled = message_signalled;
    if (aplic.sources == 0 || aplic.sources > isa::aplic::most_sources) return;
    if (aplic.registers.size < isa::aplic::idcs || board.aplics.size() == Board::max_aplics) return;
    auto const indexes = found.node.property("riscv,hart-indexes");
    for_each_context(found.node, board, [&](u16 index, BoardHart& hart, u32 interrupt) {
        if (interrupt != supervisor_external) return;
        auto const told = indexes ? indexes->cell(index).value_or(index) : index;
        if (told < isa::aplic::most_harts && aplic.has_hart(told) && !hart.aplic)
            hart.aplic = {static_cast<u32>(board.aplics.size()), told};
    });
    static_cast<void>(board.aplics.push(aplic));
}

struct Controllers {
    Candidates plics{};
    Candidates aplics{};
    Candidates imsics{};
};

// The machine's and the supervisor's look alike; their wires to the harts tell them apart.
// Not inlined, nor is read_node: the stack of one hart holds few such frames at a time.
[[gnu::noinline]] void choose(FdtReader const& tree, Controllers const& seen, Board& board) {
    for (auto const& plic : seen.plics)
        if (!board.plic) read_plic(plic, board);
    for (auto const& imsic : seen.imsics)
        if (!board.imsic && reaches_supervisor(imsic.node, board)) read_imsic(tree, imsic, board);
    for (auto const& aplic : seen.aplics) {
        auto const messages_to = aplic.node.number("msi-parent");
        bool const messages = board.imsic && messages_to == u64{board.imsic->phandle};
        if (!messages && !reaches_supervisor(aplic.node, board)) continue;
        if (board.aplics.empty() || board.aplics[0].message_signalled == messages)
            read_aplic(aplic, messages, board);
    }
}

// The second cell of an APLIC's interrupt.  Nothing said is what most devices have.
[[nodiscard]] isa::aplic::SourceMode mode_of(u32 flags) {
    using isa::aplic::SourceMode;
    constexpr u32 rising = 1;
    constexpr u32 falling = 2;
    constexpr u32 low = 8;
    switch (flags & 0xf) {
        case rising: return SourceMode::edge1;
        case falling: return SourceMode::edge0;
        case low: return SourceMode::level0;
        default: return SourceMode::level1;
    }
}

// ---- chosen

// Some loaders write these with one cell, some with two.
[[nodiscard]] HpaRange initrd_of(FdtNode const& chosen) {
    auto const start = chosen.number("linux,initrd-start");
    auto const end = chosen.number("linux,initrd-end");
    if (!start || !end || *end <= *start) return {};
    return {Hpa{*start}, *end - *start};
}

void read_chosen(FdtNode const& chosen, Board& board) {
    board.chosen.initrd = initrd_of(chosen);
    board.chosen.bootargs = chosen.text("bootargs").value_or("");
    board.chosen.stdout_path = chosen.text("stdout-path").value_or("");
    if (auto const seed = chosen.property("rng-seed")) board.chosen.rng_seed = seed->bytes;
}

void read_iommu(FdtWalk const& walk, bool is_function, Board& board) {
    BoardIommu iommu;
    iommu.phandle = walk.node().phandle().value_or(0);
    if (is_function) {
        // The first cell of a function of PCI has its number on the bus, above that of a register.
        auto const reg = walk.node().property("reg");
        auto const cell = reg ? reg->cell(0) : std::nullopt;
        if (!cell) return;
        iommu.requester = static_cast<u16>(*cell >> 8);
    } else {
        auto const registers = registers_of(walk);
        if (!registers) return;
        iommu.registers = *registers;
        iommu.interrupt = interrupt_of(walk);
    }
    static_cast<void>(board.iommus.push(iommu));
}

void remember(FdtWalk const& walk, Candidates& among) {
    if (auto const registers = registers_of(walk)) static_cast<void>(among.push({walk.node(), *registers}));
}

[[nodiscard, gnu::noinline]] Result<void> read_node(FdtReader const& tree, FdtWalk const& walk,
                                                    Stdout const& output, Controllers& seen, Board& board) {
    auto const node = walk.node();
    auto const kind = node.text("device_type").value_or("");
    auto const below_root = walk.depth() == 1;
    if (walk.depth() == 2 && kind == "cpu" && walk.parent().name() == "cpus") {
        read_hart(node, board);
        return {};
    }
    if (walk.depth() == 2 && walk.parent().name() == "reserved-memory" && node.enabled()) {
        for (usize i = 0; i < node.reg_count(); ++i)
            if (auto const region = walk.reg(i)) TRY(reserve({Hpa{region->address}, region->size}, board));
        return {};
    }
    if (!node.enabled()) return {};
    if (below_root && kind == "memory") read_memory(walk, board);
    if (output.node && node == *output.node)
        board.uart = read_uart(tree, walk, output.speed);
    else if (!board.second_uart)
        board.second_uart = read_uart(tree, walk, 0);

    auto const compatible = node.property("compatible");
    if (!compatible) return {};
    if (compatible->lists("sifive,plic-1.0.0") || compatible->lists("riscv,plic0") ||
        compatible->lists("thead,c900-plic"))
        remember(walk, seen.plics);
    if (compatible->lists("cache")) read_cache(node, board);
    if (compatible->lists("riscv,aplic")) remember(walk, seen.aplics);
    if (compatible->lists("riscv,imsics")) remember(walk, seen.imsics);
    if (compatible->lists("riscv,iommu") || compatible->lists("riscv,pci-iommu"))
        read_iommu(walk, compatible->lists("riscv,pci-iommu"), board);
    if (compatible->lists("virtio,mmio"))
        if (auto const registers = registers_of(walk))
            (void)board.virtio_mmio.push({*registers, interrupt_of(walk)});
    if (compatible->lists("pci-host-ecam-generic") && !board.pci) read_pci(tree, walk, board.pci);
    if (compatible->lists("sifive,test0") && !board.test_finisher) board.test_finisher = registers_of(walk);
    if (compatible->lists("google,goldfish-rtc") && !board.goldfish_rtc)
        board.goldfish_rtc = registers_of(walk);
    return {};
}

}  // namespace

bool BoardHart::has(std::string_view extension) const {
    bool found = false;
    for_each_extension([&](std::string_view name) { found |= name == extension; });
    return found;
}

isa::Features BoardHart::features() const {
    isa::Features told;
    for_each_extension([&](std::string_view name) { isa::note_extension(told, name); });
    told.sv57 = mmu_type == "riscv,sv57";
    told.sv48 = told.sv57 || mmu_type == "riscv,sv48";  // [norm:Sv57_requires_Sv48]
    told.sv39 = told.sv48 || mmu_type == "riscv,sv39";  // [norm:Sv48_requires_Sv39]
    auto const block = [](u32 bytes) { return static_cast<u16>(bytes <= page_bytes ? bytes : 0); };
    if (told.zicbom) told.cbom_block = block(cbom_block);
    if (told.zicboz) told.cboz_block = block(cboz_block);
    if (told.zicbop) told.cbop_block = block(cbop_block);
    return told;
}

std::optional<Hpa> BoardImsic::file(u32 index) const {
    // The register sets hold the files of all harts one after the other.
    auto offset = u64{index} << (layout.guest_bits + 12);
    for (auto const& group : groups) {
        if (group.contains(group.start + offset, page_bytes)) return group.start + offset;
        if (offset < group.size) return std::nullopt;
        offset -= group.size;
    }
    return std::nullopt;
}

BoardHart const* Board::hart(u64 id) const {
    for (auto const& hart : harts)
        if (hart.id == id) return &hart;
    return nullptr;
}

std::optional<BoardWire> Board::wire(std::optional<BoardInterrupt> const& interrupt) const {
    if (!interrupt || interrupt->source == 0) return std::nullopt;
    if (aplics.empty()) {
        if (!plic || interrupt->controller != plic->phandle) return std::nullopt;
        return BoardWire{interrupt->source};
    }
    for (u32 n = 0; n < aplics.size(); ++n)
        if (interrupt->controller == aplics[n].phandle && interrupt->source <= aplics[n].sources)
            return BoardWire{interrupt->source, mode_of(interrupt->flags), n};
    return std::nullopt;
}

Result<void> read_board(FdtReader const& tree, Board& board) {
    board.model = tree.root().text("model").value_or("");
    for (usize i = 0; i < tree.reservations(); ++i)
        if (auto const region = tree.reservation(i))
            TRY(reserve({Hpa{region->address}, region->size}, board));
    if (auto const chosen = tree.find("/chosen")) read_chosen(*chosen, board);
    if (auto const cpus = tree.find("/cpus"))
        board.timebase.hertz = cpus->number("timebase-frequency").value_or(0);

    auto const output = find_stdout(tree, board.chosen.stdout_path);
    Controllers seen;
    FdtWalk walk{tree};
    while (walk.next()) TRY(read_node(tree, walk, output, seen, board));
    choose(tree, seen, board);

    if (board.harts.empty() || board.memory.empty() || board.timebase.hertz == 0)
        return Err{Error::not_found};
    return {};
}

}  // namespace antler::platform
