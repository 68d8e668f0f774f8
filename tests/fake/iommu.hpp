// An IOMMU of a board that is not there, as stubborn as the manual lets it be: it keeps all that it has read
// of the directory, of trees and of message tables, until it is told to forget it.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "isa/iommu_queues.hpp"
#include "isa/iommu_tables.hpp"
#include "platform/iommu.hpp"
#include "tests/fake/tlb.hpp"

namespace antler::fake {

class Iommu final : public platform::IommuRegisters {
public:
    // What a device's access may get: several where old and new are both kept.
    struct Reached {
        Hpa at{};
        bool is_memory_file = false;  // a message that is kept in memory, with a notice
        friend auto operator<=>(Reached const& a, Reached const& b) {
            return std::tuple{a.at.raw(), a.is_memory_file} <=> std::tuple{b.at.raw(), b.is_memory_file};
        }
        friend bool operator==(Reached const&, Reached const&) = default;
    };

    explicit Iommu(Memory& memory, u64 capabilities = everything) : memory_{memory}, tlb_{memory} {
        capabilities_.raw = capabilities;
    }

    static constexpr u64 everything =
        0x10 | isa::iommu::Capabilities::sv39x4::mask | isa::iommu::Capabilities::sv48x4::mask |
        isa::iommu::Capabilities::svpbmt::mask | isa::iommu::Capabilities::msi_flat::mask |
        isa::iommu::Capabilities::msi_mrif::mask | u64{isa::iommu::Capabilities::igs_both} << 28;

    bool obeys = true;     // fetches commands
    bool stops = true;     // goes off when it is told to
    u32 most_levels = 3;   // of its directory
    bool signals = false;  // raised when it has something to tell; the test lowers it
    u64 faults = 0;        // also those that found no room
    std::vector<isa::iommu::Command> log{};

    [[nodiscard]] u32 read(u32 offset) override { return static_cast<u32>(read64(offset)); }
    [[nodiscard]] u64 read64(u32 offset) override {
        using namespace isa::iommu;
        switch (offset) {
            case capabilities: return capabilities_.raw;
            case ddtp: return ddtp_.raw;
            case fctl: return fctl_;
            case cqh: return cqh_;
            case fqt: return fqt_;
            case cqcsr: return cqcsr_;
            case fqcsr: return fqcsr_;
            default: return 0;
        }
    }
    void write(u32 offset, u32 value) override { write64(offset, value); }
    void write64(u32 offset, u64 value) override {
        using namespace isa::iommu;
        auto const word = static_cast<u32>(value);
        switch (offset) {
            case ddtp: set_directory(Ddtp{value}); break;
            case fctl: fctl_ = word & Fctl::wsi::mask; break;
            case cqb: cqb_.raw = value; break;
            case fqb: fqb_.raw = value; break;
            case cqt: fetch(word); break;
            case fqh: fqh_ = word; break;
            case cqcsr: {
                bool const starts = (cqcsr_ & Cqcsr::cqen::mask) == 0 && Cqcsr::cqen::get(word);
                if (starts) cqh_ = 0;
                cqcsr_ = Cqcsr::cqen::get(word) ? Cqcsr::cqen::mask | Cqcsr::cqon::mask : 0;
                break;
            }
            case fqcsr: {
                bool const starts = (fqcsr_ & Fqcsr::fqen::mask) == 0 && Fqcsr::fqen::get(word);
                if (starts) fqt_ = 0;
                auto const left = fqcsr_ & Fqcsr::errors & ~word;
                fqcsr_ = Fqcsr::fqen::get(word) ? left | Fqcsr::fqen::mask | Fqcsr::fqon::mask : 0;
                break;
            }
            default: break;
        }
    }

    // An access of a device.  Empty: it was refused, and that was reported.
    std::set<Reached> access(u32 device, Gpa at, bool write) {
        std::set<Reached> found;
        u16 why = look_up_device(device);
        if (why == 0)
            for (auto const& context : contexts_[device]) why = translate(context, at, write, found);
        if (found.empty()) report(device, why, at, write);
        return found;
    }
    // The same for its own reasons: it may read ahead whatever it may be asked for.
    void speculate(u32 device, Gpa at) {
        std::set<Reached> found;
        if (look_up_device(device) != 0) return;
        for (auto const& context : contexts_[device]) static_cast<void>(translate(context, at, true, found));
    }
    [[nodiscard]] usize kept() const { return tlb_.kept() + contexts_.size() + messages_.size(); }
    [[nodiscard]] isa::iommu::DirectoryMode mode() const { return isa::iommu::Ddtp::mode::get(ddtp_.raw); }

private:
    using Context = isa::iommu::DeviceContext;

    static bool less(Context const& a, Context const& b) {
        auto const key = [](Context const& c) {
            return std::tuple{c.tc, c.iohgatp, c.msiptp, c.msi_addr_mask, c.msi_addr_pattern};
        };
        return key(a) < key(b);
    }
    struct ContextOrder {
        bool operator()(Context const& a, Context const& b) const { return less(a, b); }
    };

    void set_directory(isa::iommu::Ddtp wanted) {
        using namespace isa::iommu;
        auto const mode = Ddtp::mode::get(wanted.raw);
        if (mode == DirectoryMode::off && !stops) return;
        auto const levels = static_cast<u32>(mode) - static_cast<u32>(DirectoryMode::one_level) + 1;
        if (mode > DirectoryMode::bare && levels > most_levels) return;
        // A change of levels goes by way of off.
        auto const now = Ddtp::mode::get(ddtp_.raw);
        if (mode > DirectoryMode::bare && now > DirectoryMode::bare) panic("levels change at work");
        ddtp_ = wanted;
    }

    void fetch(u32 tail) {
        using namespace isa::iommu;
        if ((cqcsr_ & Cqcsr::cqon::mask) == 0 || (cqcsr_ & Cqcsr::errors) != 0 || !obeys) return;
        for (; cqh_ != tail; cqh_ = (cqh_ + 1) % cqb_.entries()) {
            Command command;
            __builtin_memcpy(&command, memory_.at(cqb_.start() + u64{cqh_} * sizeof command, sizeof command),
                             sizeof command);
            if (!is_legal(command)) {
                cqcsr_ |= Cqcsr::cmd_ill::mask;
                return;
            }
            log.push_back(command);
            // It need not have done what it was told before a fence says so.                [iommu IOFENCE]
            if (!command.is(Command::iofence, Command::fence_c)) {
                told_.push_back(command);
                continue;
            }
            for (auto const each : told_) execute(each);
            told_.clear();
        }
    }

    static bool is_legal(isa::iommu::Command command) {
        using isa::iommu::Command;
        if (command.is(Command::iotinval, Command::gvma)) return !Command::pscv::get(command.first);
        return command.is(Command::iotinval, Command::vma) ||
               command.is(Command::iodir, Command::inval_ddt) ||
               command.is(Command::iofence, Command::fence_c);
    }

    void execute(isa::iommu::Command command) {
        using isa::iommu::Command;
        auto const space = Command::gscid::get(command.first);
        bool const of_vm = Command::gv::get(command.first);
        if (command.is(Command::iotinval, Command::gvma)) {
            if (!of_vm) {
                tlb_.fence_all();
                messages_.clear();
            } else if (!Command::av::get(command.first)) {
                tlb_.fence_space(space);
                std::erase_if(messages_, [&](auto const& entry) { return entry.first.first == space; });
            } else {
                auto const page = Command::page::get(command.second);
                messages_.erase({space, page});
                if (stages_.contains(space)) tlb_.fence_page(space, stages_[space], page << 12);
            }
        } else if (command.is(Command::iodir, Command::inval_ddt)) {
            if (Command::dv::get(command.first))
                contexts_.erase(Command::did::get(command.first));
            else
                contexts_.clear();
        }  // else it is of the first stage, which it has not
    }

    // What it may keep of the device; else why not.
    u16 look_up_device(u32 device) {
        using namespace isa::iommu;
        if (mode() == DirectoryMode::off) return static_cast<u16>(FaultCause::all_refused);
        if (mode() == DirectoryMode::bare) panic("everything passes");
        auto const levels = static_cast<u32>(mode()) - static_cast<u32>(DirectoryMode::one_level) + 1;
        DirectoryShape const shape{capabilities_.extended(), levels};
        if (!shape.reaches(device)) return static_cast<u16>(FaultCause::kind_refused);
        auto table = ddtp_.root();
        for (u32 level = levels - 1; level != 0; --level) {
            DirectoryEntry const entry{*memory_.read64(table + u64{shape.index(device, level)} * 8)};
            if (!DirectoryEntry::v::get(entry.raw)) return kept_or(device, FaultCause::directory_invalid);
            if ((entry.raw & DirectoryEntry::reserved) != 0)
                return static_cast<u16>(FaultCause::directory_misconfigured);
            table = entry.table();
        }
        Context context;
        auto const at = table + u64{shape.index(device, 0)} * shape.entry_bytes();
        __builtin_memcpy(&context, memory_.at(at, shape.entry_bytes()), shape.entry_bytes());
        if (!TranslationControl::v::get(context.tc)) return kept_or(device, FaultCause::directory_invalid);
        if (is_misconfigured(context)) return static_cast<u16>(FaultCause::directory_misconfigured);
        contexts_[device].insert(context);
        return 0;
    }
    u16 kept_or(u32 device, isa::iommu::FaultCause why) {
        return contexts_.contains(device) ? u16{0} : static_cast<u16>(why);
    }

    [[nodiscard]] bool is_misconfigured(Context const& c) const {
        using namespace isa::iommu;
        if ((c.tc & TranslationControl::reserved) != 0 || c.reserved != 0) return true;
        if (TranslationControl::gade::get(c.tc) && !Capabilities::amo_hwad::get(capabilities_.raw))
            return true;
        if (TranslationControl::en_ats::get(c.tc) || TranslationControl::pdtv::get(c.tc)) return true;
        Iohgatp const second{c.iohgatp};
        if (!capabilities_.supports(second.stage())) return true;
        if (second.stage() == isa::GStageMode::bare) return Msiptp::mode::get(c.msiptp) != Msiptp::off;
        return (second.root().raw() & 0x3fff) != 0 || Msiptp::mode::get(c.msiptp) > Msiptp::flat;
    }

    // Adds what it may reach; else says why not.
    u16 translate(Context const& c, Gpa at, bool write, std::set<Reached>& found) {
        using namespace isa::iommu;
        Iohgatp const second{c.iohgatp};
        if (second.stage() == isa::GStageMode::bare) {
            found.insert({Hpa{at.raw()}});
            return 0;
        }
        auto const space = Iohgatp::gscid::get(c.iohgatp);
        MessagePages const pages{c.msi_addr_mask, c.msi_addr_pattern};
        if (Msiptp::mode::get(c.msiptp) == Msiptp::flat && pages.contains(at))
            return translate_message(Msiptp{c.msiptp}.table(), space, pages.number(at), at, found);
        isa::Stage const stage{isa::scheme_of(second.stage()), second.root().raw(), {true, true}, false};
        stages_.insert_or_assign(space, stage);
        // It sets A and D by itself, or takes a clear one for no permission.                  [iommu tc.GADE]
        bool const marks = TranslationControl::gade::get(c.tc);
        bool must_mark = true;
        for (auto const& outcome : tlb_.outcomes(space, stage, at.raw())) {
            if (!outcome.translates || !(write ? outcome.may.write : outcome.may.read)) continue;
            bool const marked = outcome.accessed && (outcome.dirty || !write);
            if (marks || marked) found.insert({outcome.at});
            if (marked) must_mark = false;  // what it keeps says so
        }
        if (marks && must_mark && !found.empty()) mark(stage, at, write);
        return static_cast<u16>(write ? isa::Exception::store_guest_page_fault
                                      : isa::Exception::load_guest_page_fault);
    }
    // A, and D of what is written, in the entry as memory has it.
    void mark(isa::Stage const& stage, Gpa at, bool write) {
        using isa::Pte;
        auto table = stage.root;
        for (auto level = stage.scheme->root_level();; --level) {
            auto const where = Hpa{table + stage.scheme->index(at.raw(), level) * stage.scheme->entry_bytes};
            Pte pte{*memory_.read64(where)};
            if (!pte.is_valid()) return;
            if (pte.is_leaf()) {
                pte.raw = Pte::a::set(pte.raw, true);
                if (write) pte.raw = Pte::d::set(pte.raw, true);
                __builtin_memcpy(memory_.at(where, 8), &pte.raw, 8);
                return;
            }
            if (level == 0) return;
            table = pte.target();
        }
    }
    u16 translate_message(Hpa table, u16 space, u64 file, Gpa at, std::set<Reached>& found) {
        using namespace isa::iommu;
        MessageEntry entry;
        __builtin_memcpy(&entry, memory_.at(table + file * sizeof entry, sizeof entry), sizeof entry);
        auto& kept = messages_[{space, at.raw() >> 12}];
        if (MessageEntry::v::get(entry.first)) kept.insert({entry.first, entry.second});
        for (auto const& [first, second] : kept) {
            MessageEntry const one{first, second};
            bool const file_mode = MessageEntry::m::get(first) == MessageEntry::file;
            if (!file_mode && (second & MessageEntry::reserved_of_notice) != 0)
                panic("a notice that is none");
            if ((first & (file_mode ? MessageEntry::reserved_of_file : MessageEntry::reserved_of_memory)) !=
                0)
                panic("a message entry with reserved bits");
            if (file_mode)
                found.insert({one.file_page() + (at.raw() & 0xfff)});
            else
                found.insert({one.memory_address(), true});
        }
        return static_cast<u16>(FaultCause::message_entry_invalid);
    }

    void report(u32 device, u16 why, Gpa at, bool write) {
        using namespace isa::iommu;
        bool const always = why >= 256 && why <= 259;
        for (auto const& context : contexts_[device])
            if (TranslationControl::dtf::get(context.tc) && !always) return;
        if (contexts_[device].empty()) contexts_.erase(device);
        ++faults;
        if ((fqcsr_ & Fqcsr::fqon::mask) == 0 || (fqcsr_ & Fqcsr::errors) != 0) return;
        signals = true;
        auto const next = (fqt_ + 1) % fqb_.entries();
        if (next == fqh_) {
            fqcsr_ |= Fqcsr::fqof::mask;
            return;
        }
        FaultRecord record;
        record.first = FaultRecord::did::set(
            FaultRecord::ttyp::set(why, write ? Transaction::write : Transaction::read), device);
        record.iotval = at.raw();
        if (record.is_guest_page_fault()) record.iotval2 = at.raw() & ~u64{3};
        __builtin_memcpy(memory_.at(fqb_.start() + u64{fqt_} * sizeof record, sizeof record), &record,
                         sizeof record);
        fqt_ = next;
    }

    Memory& memory_;
    Tlb tlb_;
    isa::iommu::Capabilities capabilities_{};
    isa::iommu::Ddtp ddtp_{1};  // everything passes
    u32 fctl_ = 0;
    isa::iommu::QueueBase cqb_{}, fqb_{};
    u32 cqh_ = 0, fqh_ = 0, fqt_ = 0;
    u32 cqcsr_ = 0, fqcsr_ = 0;
    std::map<u32, std::set<Context, ContextOrder>> contexts_{};
    std::map<u16, isa::Stage> stages_{};
    std::map<std::pair<u16, u64>, std::set<std::pair<u64, u64>>> messages_{};  // by space and page
    std::vector<isa::iommu::Command> told_{};                                  // and not done yet
};

}  // namespace antler::fake
