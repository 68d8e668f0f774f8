// How an IOMMU is started, told what changed, and asked what it refused.
#include "platform/iommu.hpp"

#include "base/fence_site.hpp"
#include "base/panic.hpp"
#include "hart/fence.hpp"
#include "memory/physical.hpp"

namespace antler::platform {
namespace {

using namespace isa::iommu;
using memory::Frames;
using memory::PageMaker;

constexpr memory::Order one_page{0};
constexpr u32 command_queue_bits = 8;
constexpr u32 fault_queue_bits = 7;
static_assert(Iommu::commands == 1u << command_queue_bits && Iommu::commands * sizeof(Command) == page_bytes);
static_assert(Iommu::records == 1u << fault_queue_bits && Iommu::records * sizeof(FaultRecord) == page_bytes);

// It takes its time for what it is told; one that takes longer is broken.
constexpr u32 patience = 1'000'000;

Result<Hpa> take_page(Frames& frames) {
    auto page = TRY(frames.take_zeroed(one_page, memory::house_owner));
    return PageMaker::unmake(std::move(page)).start;
}
void give_back_page(Frames& frames, Hpa at) {
    frames.give_back(
        PageMaker::make<memory::Dirty>({at, one_page, memory::Pool::house, memory::house_owner}));
}
void store(u64& word, u64 value) {
    std::atomic_ref{word}.store(value, std::memory_order_release);
}

}  // namespace

bool Iommu::wait_for(u32 offset, u32 mask, u32 value) {
    for (u32 i = 0; i < patience; ++i)
        if ((registers_->read(offset) & mask) == value) return true;
    return false;
}

// Levels change by way of `off` only.                                                        [iommu ddtp]
bool Iommu::set_mode(DirectoryMode mode, Hpa root) {
    constexpr auto busy = static_cast<u32>(Ddtp::busy::mask);
    if (!wait_for(ddtp, busy, 0)) return false;
    registers_->write64(ddtp, Ddtp::of(mode, root).raw);
    if (!wait_for(ddtp, busy, 0)) return false;
    Ddtp const now{registers_->read64(ddtp)};
    return Ddtp::mode::get(now.raw) == mode && (mode == DirectoryMode::off || now.root() == root);
}

// Once it is off, no device reaches memory, and all that was under way is done or was refused: nothing is
// left to forget.                                                                            [iommu ddtp]
void Iommu::refuse_all() {
    if (!set_mode(DirectoryMode::off, root_)) panic("an IOMMU neither obeys nor stops");
    dead_.store(true, std::memory_order_release);
}

Result<void> Iommu::open(IommuRegisters& registers, Frames& frames, u32 device_bits, bool wired) {
    registers_ = &registers;
    frames_ = &frames;
    capabilities_ = {registers.read64(isa::iommu::capabilities)};
    if (!set_mode(DirectoryMode::off, {})) panic("an IOMMU does not stop");
    auto const opened = [&]() -> Result<void> {
        if (capabilities_.major() != 1) return Err{Error::not_supported};
        // Features change only while it is off and its queues are.                           [iommu fctl]
        registers.write(cqcsr, 0);
        registers.write(fqcsr, 0);
        if (!wait_for(cqcsr, Cqcsr::cqon::mask | Cqcsr::busy::mask, 0)) return Err{Error::io};
        if (!wait_for(fqcsr, Fqcsr::fqon::mask | Fqcsr::busy::mask, 0)) return Err{Error::io};
        auto const igs = Capabilities::igs::get(capabilities_.raw);
        bool const by_wire = wired && igs != Capabilities::igs_messages;
        registers.write(fctl, by_wire ? Fctl::wsi::mask : 0);
        auto const control = registers.read(fctl);
        if (Fctl::be::get(control) || Fctl::gxl::get(control)) return Err{Error::not_supported};
        if (by_wire && Fctl::wsi::get(control)) signal_ = Signal::wire;
        registers.write64(icvec, 0);
        TRY(open_queues(frames));
        return open_directory(frames, device_bits);
    }();
    if (!opened) refuse_all();
    return opened;
}

Result<void> Iommu::open_queues(Frames& frames) {
    command_queue_ = TRY(take_page(frames));
    fault_queue_ = TRY(take_page(frames));
    auto& registers = *registers_;
    registers.write64(cqb, QueueBase::of(command_queue_, command_queue_bits).raw);
    registers.write(cqt, 0);
    registers.write(cqcsr, Cqcsr::cqen::mask);
    if (!wait_for(cqcsr, Cqcsr::cqon::mask | Cqcsr::busy::mask, Cqcsr::cqon::mask)) return Err{Error::io};
    registers.write64(fqb, QueueBase::of(fault_queue_, fault_queue_bits).raw);
    registers.write(fqh, 0);
    registers.write(fqcsr, Fqcsr::fqen::mask | Fqcsr::fie::mask);
    if (!wait_for(fqcsr, Fqcsr::fqon::mask | Fqcsr::busy::mask, Fqcsr::fqon::mask)) return Err{Error::io};
    return {};
}

Result<void> Iommu::open_directory(Frames& frames, u32 device_bits) {
    root_ = TRY(take_page(frames));
    // Whoever had it before may have left something in its caches.                           [iommu ddtp]
    std::array const all{Command::forget_directory(), Command::forget_house(), Command::forget_all_spaces()};
    run(all);
    if (is_dead()) return Err{Error::io};
    shape_ = DirectoryShape::of(capabilities_.extended(), device_bits);
    auto const least = shape_.levels;
    for (; shape_.levels <= 3; ++shape_.levels)
        if (set_mode(shape_.mode(), root_)) return {};
    // Devices whose numbers are beyond what it can are refused.
    for (shape_.levels = least - 1; shape_.levels != 0; --shape_.levels)
        if (set_mode(shape_.mode(), root_)) return {};
    return Err{Error::not_supported};
}

void Iommu::close(Frames& frames) {
    if (!is_open()) return;
    if (!is_dead()) refuse_all();
    registers_->write(cqcsr, 0);
    registers_->write(fqcsr, 0);
    auto const free_tables = [&](auto const& self, Hpa table, u32 level) -> void {
        for (u32 i = 0; level != 0 && i < page_bytes / 8; ++i) {
            DirectoryEntry const entry{static_cast<u64*>(memory::house_view(table))[i]};
            if (DirectoryEntry::v::get(entry.raw)) self(self, entry.table(), level - 1);
        }
        give_back_page(frames, table);
    };
    if (root_.raw() != 0) free_tables(free_tables, root_, shape_.levels == 0 ? 0 : shape_.levels - 1);
    if (command_queue_.raw() != 0) give_back_page(frames, command_queue_);
    if (fault_queue_.raw() != 0) give_back_page(frames, fault_queue_);
    registers_ = nullptr;
}

void Iommu::send_messages(Hpa to, u32 data) {
    if (!is_open() || signal_ == Signal::wire) return;
    registers_->write64(msi_cfg_tbl + message_address, to.raw());
    registers_->write(msi_cfg_tbl + message_data, data);
    registers_->write(msi_cfg_tbl + message_control, 0);
    signal_ = Signal::message;
}

// ---- commands

// True when it has done what lies before `tail`; it died if it did not in time.
bool Iommu::fence_passed(u32 tail) {
    for (u32 i = 0; i < patience; ++i) {
        if (registers_->read(cqh) == tail) return true;
        if ((registers_->read(cqcsr) & Cqcsr::errors) != 0) return false;
    }
    return false;
}

void Iommu::run(std::span<Command const> list) {
    if (!is_open()) return;
    VERIFY(list.size() < commands - 1);
    bool const done = queue_.with([&](Queue& queue) {
        if (is_dead()) return true;
        auto* const ring = static_cast<Command*>(memory::house_view(command_queue_));
        auto const put = [&](Command command) {
            ring[queue.tail] = command;
            queue.tail = (queue.tail + 1) % commands;
        };
        for (auto const command : list) put(command);
        if (fence_stands(FenceSite::devices_are_done)) put(Command::fence());
        registers_->write(cqt, queue.tail);
        if (fence_passed(queue.tail)) return true;
        refuse_all();
        return false;
    });
    if (done) commands_done_.fetch_add(list.size() + 1, std::memory_order_relaxed);
}

// ---- the directory

Iommu::Words Iommu::entry(Hpa leaf, u32 device) const {
    return static_cast<u64*>(memory::house_view(leaf)) + shape_.index(device, 0) * (shape_.entry_bytes() / 8);
}

Iommu::Words Iommu::find(u32 device) const {
    if (!is_open() || is_dead() || !shape_.reaches(device)) return nullptr;
    auto table = root_;
    for (auto level = shape_.levels - 1; level != 0; --level) {
        DirectoryEntry const above{static_cast<u64*>(memory::house_view(table))[shape_.index(device, level)]};
        if (!DirectoryEntry::v::get(above.raw)) return nullptr;
        table = above.table();
    }
    auto* const found = entry(table, device);
    return TranslationControl::v::get(found[0]) ? found : nullptr;
}

Result<Iommu::Words> Iommu::make(u32 device) {
    auto table = root_;
    for (auto level = shape_.levels - 1; level != 0; --level) {
        auto& above = static_cast<u64*>(memory::house_view(table))[shape_.index(device, level)];
        if (!DirectoryEntry::v::get(above)) store(above, DirectoryEntry::of(TRY(take_page(*frames_))).raw);
        table = DirectoryEntry{above}.table();
    }
    return entry(table, device);
}

Result<void> Iommu::set(u32 device, DeviceContext const& context) {
    if (!is_open() || is_dead() || !shape_.reaches(device)) return Err{Error::not_supported};
    auto* const words = TRY(make(device));
    if (TranslationControl::v::get(words[0])) return Err{Error::already_exists};
    // The word with the valid bit comes last; what is invalid is in no cache.   [iommu Caching invalid
    // entries]
    std::array const all{context.iohgatp,       context.ta,
                         context.fsc,           context.msiptp,
                         context.msi_addr_mask, context.msi_addr_pattern};
    auto const used = shape_.entry_bytes() / 8 - 1;
    for (u32 i = 0; i < used; ++i) store(words[i + 1], i < all.size() ? all[i] : 0);
    store(words[0], context.tc | TranslationControl::v::mask);
    hart::fence_io();  // before anything tells the device to begin
    return {};
}

// What must be forgotten when an entry changes.                             [iommu Changing device directory]
void Iommu::forget(u32 device, u64 iohgatp) {
    Iohgatp const second{iohgatp};
    auto const space = Iohgatp::gscid::get(iohgatp);
    std::array const list{Command::forget_device(device), Command::forget_first_stage(space),
                          Command::forget_space(space)};
    run(std::span{list}.first(second.stage() == isa::GStageMode::bare ? 1 : list.size()));
}

void Iommu::clear(u32 device) {
    auto* const words = find(device);
    if (words == nullptr) return;
    auto const iohgatp = words[1];
    store(words[0], 0);
    forget(device, iohgatp);
}

void Iommu::silence(u32 device) {
    auto* const words = find(device);
    if (words == nullptr) return;
    store(words[0], TranslationControl::dtf::set(words[0], true));
    forget(device, words[1]);
}

// ---- faults

void Iommu::acknowledge() {
    registers_->write(ipsr, Ipsr::fip::mask);  // before the tail is read: what comes later tells again
}

u32 Iommu::tail_of_faults() {
    auto const tail = registers_->read(fqt) % records;
    hart::fence_io();  // a record is read after the tail that says it is there
    return tail;
}

FaultRecord Iommu::take_fault() {
    auto const record = static_cast<FaultRecord const*>(memory::house_view(fault_queue_))[fault_head_];
    fault_head_ = (fault_head_ + 1) % records;
    faults_seen_.fetch_add(1, std::memory_order_relaxed);
    return record;
}

bool Iommu::end_of_drain() {
    registers_->write(fqh, fault_head_);
    auto const errors = registers_->read(fqcsr) & Fqcsr::errors;
    // It reports nothing until they are cleared.                                            [iommu fqcsr]
    if (errors != 0) registers_->write(fqcsr, Fqcsr::fqen::mask | Fqcsr::fie::mask | errors);
    return errors != 0;
}

}  // namespace antler::platform
