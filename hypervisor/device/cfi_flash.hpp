// Two 16-bit NOR flash chips side by side, with Intel's command set 0x0001: what QEMU's virt board has, and
// EDK2 keeps its variables in.
#pragma once

#include <array>

#include "device/cfi_query.hpp"
#include "device/device.hpp"
#include "device/flash_array.hpp"

namespace antler::device {

// While is_readable() says so the guest may be shown the cells as memory; then only writes come here.
// Programming and erasing are done at once, so the chip is always ready.
class CfiFlash final : public Device {
public:
    static constexpr u32 region_bytes = 32 << 20;
    static constexpr u32 sector_bytes = 256 * 1024;
    static constexpr u32 buffer_bytes = 2u << cfi::chip_buffer_bits;

    // Commands; each chip gets its own copy of the byte.
    static constexpr u8 read_array = 0xff, read_identifier = 0x90, read_query = 0x98;
    static constexpr u8 read_status = 0x70, clear_status = 0x50;
    static constexpr u8 program_word = 0x40, program_word_too = 0x10, program_buffer = 0xe8;
    static constexpr u8 erase_sector = 0x20, lock_setup = 0x60, confirm = 0xd0;

    // Of the status register.
    static constexpr u8 ready = 0x80, erase_failed = 0x20, program_failed = 0x10, locked = 0x02;

    explicit CfiFlash(FlashArray cells) : cells_{cells} {}

    [[nodiscard]] std::string_view name() const override { return "flash"; }
    [[nodiscard]] FlashArray& cells() { return cells_; }
    [[nodiscard]] bool is_readable() const { return shows_ == Shows::cells && expects_ == Expects::command; }

    [[nodiscard]] Result<u64> read(Offset offset, Width width) override {
        auto const bytes = static_cast<u32>(width);
        if (offset > region_bytes - bytes) return Err{Error::not_supported};
        switch (shows_) {
            case Shows::cells: return cells_.read(offset, bytes);
            case Shows::status: return answer(offset, bytes, status_);
            case Shows::identifier: return answer(offset, bytes, identifier(offset / 4 % (sector_bytes / 4)));
            case Shows::query: return answer(offset, bytes, cfi::query(offset / 4));
        }
        return u64{0};  // restored() leaves no other value
    }

    [[nodiscard]] Result<void> write(Offset offset, Width width, u64 value) override {
        auto const bytes = static_cast<u32>(width);
        if (bytes > 4 || offset > region_bytes - bytes) return Err{Error::not_supported};
        auto const byte = static_cast<u8>(value);
        switch (expects_) {
            case Expects::command: command(byte); break;
            case Expects::word:
                program(offset, bytes, static_cast<u32>(value));
                expects_ = Expects::command;
                break;
            case Expects::count: take_count(value); break;
            case Expects::data: take_data(offset, bytes, static_cast<u32>(value)); break;
            case Expects::buffer_confirm:
                if (byte == confirm)
                    write_buffer();
                else
                    fail(program_failed | erase_failed);
                expects_ = Expects::command;
                break;
            case Expects::erase_confirm:
                if (byte != confirm) {
                    fail(program_failed | erase_failed);  // not in the right order
                } else if (!cells_.erase(offset / sector_bytes * sector_bytes, sector_bytes)) {
                    fail(cells_.is_fixed() ? erase_failed | locked : erase_failed);
                }
                expects_ = Expects::command;
                break;
            case Expects::lock: expects_ = Expects::command; break;  // sectors have no locks
        }
        return {};
    }

    void visit(StateVisitor auto& state) {
        auto shows = static_cast<u8>(shows_);
        auto expects = static_cast<u8>(expects_);
        state("shows", shows);
        state("expects", expects);
        shows_ = static_cast<Shows>(shows);
        expects_ = static_cast<Expects>(expects);
        state("status", status_);
        state("buffer-start", buffer_start_);
        state("buffer-words", words_left_);
        state("buffer", std::span<u8>{buffer_});
    }
    void restored() {
        if (shows_ > Shows::query) shows_ = Shows::cells;
        if (expects_ > Expects::lock) expects_ = Expects::command;
        status_ |= ready;
        if (buffer_start_ != no_start || expects_ == Expects::buffer_confirm)
            buffer_start_ = buffer_start_ % region_bytes / buffer_bytes * buffer_bytes;
        words_left_ %= buffer_bytes / 4 + 1;
        if (expects_ == Expects::data && words_left_ == 0) expects_ = Expects::buffer_confirm;
    }

private:
    enum class Shows : u8 { cells, status, identifier, query };
    enum class Expects : u8 { command, word, count, data, buffer_confirm, erase_confirm, lock };

    // Both chips say the same.
    [[nodiscard]] static u64 answer(Offset offset, u32 bytes, u8 said) {
        auto const word = u64{said} | u64{said} << 16;
        auto const wide = word | word << 32;
        auto const value = wide >> 8 * (offset % 4);
        return bytes == 8 ? value : value & ((u64{1} << 8 * bytes) - 1);
    }
    [[nodiscard]] static u8 identifier(u32 index) {
        switch (index) {
            case 0: return cfi::manufacturer;
            case 1: return cfi::device;
            default: return 0;  // the sector is not locked
        }
    }

    void command(u8 byte) {
        switch (byte) {
            case read_identifier: shows_ = Shows::identifier; return;
            case read_query: shows_ = Shows::query; return;
            case read_status: shows_ = Shows::status; return;
            case clear_status: status_ = ready; return;
            case program_word:
            case program_word_too: return begin(Expects::word);
            case program_buffer: return begin(Expects::count);
            case erase_sector: return begin(Expects::erase_confirm);
            case lock_setup: return begin(Expects::lock);
            default: shows_ = Shows::cells; return;  // a reset, and what it does not know
        }
    }
    void begin(Expects next) {
        shows_ = Shows::status;
        expects_ = next;
    }
    void fail(u8 why) { status_ |= why; }

    void program(Offset offset, u32 bytes, u32 value) {
        std::array<u8, 4> data{};
        for (u32 i = 0; i < bytes; ++i) data[i] = static_cast<u8>(value >> 8 * i);
        if (!cells_.program(offset, std::span{data}.first(bytes)))
            fail(cells_.is_fixed() ? program_failed | locked : program_failed);
    }

    // The number of words less one, of each chip.
    void take_count(u64 value) {
        auto const words = (value & 0xffff) + 1;
        if (words > buffer_bytes / 4) {
            fail(program_failed | erase_failed);
            expects_ = Expects::command;
            return;
        }
        words_left_ = static_cast<u32>(words);
        buffer_.fill(0xff);
        buffer_start_ = no_start;
        expects_ = Expects::data;
    }
    // The first word says which buffer's worth of cells it is; a word outside of it is lost.
    void take_data(Offset offset, u32 bytes, u32 value) {
        if (buffer_start_ == no_start) buffer_start_ = offset / buffer_bytes * buffer_bytes;
        if (offset - buffer_start_ < buffer_bytes) {
            for (u32 i = 0; i < bytes; ++i)
                if (offset - buffer_start_ + i < buffer_bytes)
                    buffer_[offset - buffer_start_ + i] = static_cast<u8>(value >> 8 * i);
        } else {
            fail(program_failed);
        }
        if (--words_left_ == 0) expects_ = Expects::buffer_confirm;
    }
    void write_buffer() {
        // Bytes that were not written are ones, which change nothing.
        if (!cells_.program(buffer_start_, buffer_))
            fail(cells_.is_fixed() ? program_failed | locked : program_failed);
    }

    static constexpr u32 no_start = ~u32{0};

    FlashArray cells_;
    Shows shows_ = Shows::cells;
    Expects expects_ = Expects::command;
    u8 status_ = ready;
    u32 buffer_start_ = no_start;
    u32 words_left_ = 0;
    std::array<u8, buffer_bytes> buffer_{};
};

}  // namespace antler::device
