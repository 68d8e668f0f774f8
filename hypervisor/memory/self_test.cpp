// What types do not allow is not here: it does not compile.
#include "memory/self_test.hpp"

#include "memory/audit.hpp"

namespace antler::memory {
namespace {

constexpr Gpa first_place{0x8000'0000};
constexpr Gpa second_place{0x8020'0000};

class Check {
public:
    Check(Frames& frames, Tags& tags, OwnerId one, OwnerId two)
        : frames_{frames}, one_{frames, tags, one}, two_{frames, tags, two} {}

    SelfTest run(isa::GStageMode mode, isa::Features const& features) {
        bool const made = one_.create(mode, features).ok() && two_.create(mode, features).ok();
        expect(made, "a space gets its tables");
        if (made) {
            take_and_give_back();
            map_and_unmap();
            map_what_may_not_be();
            share();
            change_hands();
            what_is_not_reserved();
            change_pool();
        }
        end(one_);
        end(two_);
        return result_;
    }

private:
    void expect(bool good, char const* what) {
        ++result_.transitions;
        if (!good && result_.wrong == nullptr) result_.wrong = what;
    }
    [[nodiscard]] bool has_nothing(Space const& space) const {
        return frames_.accounting(space.owner()).guest_bytes == 0;
    }
    [[nodiscard]] bool is_held(Hpa at, FrameState state) const {
        auto const info = frames_.inspect(at);
        return info && info->state == state;
    }
    [[nodiscard]] std::optional<Page<Filled>> some_page(Space const& space) {
        auto page = frames_.take(Pool::guest, order_4k, space.owner());
        expect(page.ok(), "a guest's page is there to be taken");
        if (!page) return std::nullopt;
        return vouch_for(std::move(page).value());
    }
    void end(Space& space) {
        while (!space.destroy_step()) {
        }
        expect(frames_.accounting(space.owner()) == Use{}, "an owner that is gone has nothing");
    }

    void take_and_give_back() {
        auto page = some_page(one_);
        if (!page) return;
        auto const at = page->start();
        expect(is_held(at, FrameState::taken), "a page that was taken is held");
        expect(frames_.accounting(one_.owner()).guest_bytes == page_bytes, "its owner is charged");
        frames_.give_back(std::move(*page));
        expect(is_held(at, FrameState::free) && has_nothing(one_), "a page that is given back is free");
    }

    void map_and_unmap() {
        auto page = some_page(one_);
        if (!page) return;
        auto const at = page->start();
        expect(one_.map(first_place, std::move(*page)).ok(), "a page is mapped");
        auto const mapping = one_.lookup(first_place);
        expect(mapping && mapping->at == at, "it is where it was mapped");
        expect(!audit(one_, true) && !audit(two_, true), "nobody else has it");
        GpaRange rest{first_place, page_bytes};
        auto debt = one_.unmap_step(rest);
        expect(debt.ok() && !one_.lookup(first_place), "a page is unmapped");
        expect(!is_held(at, FrameState::free), "what somebody may still reach is not free");
        if (debt) std::move(debt).value().pay(one_.observers());
        expect(is_held(at, FrameState::free) && has_nothing(one_), "what nobody reaches is free");
    }

    // Refused pages go back.
    void map_what_may_not_be() {
        if (auto page = some_page(one_))
            expect(one_.map(first_place, std::move(*page)).ok(), "a page is mapped again");
        if (auto page = some_page(one_))
            expect(!one_.map(first_place, std::move(*page)).ok(), "nothing is mapped over a page");
        if (auto page = some_page(one_))
            expect(!one_.map(first_place + 8, std::move(*page)).ok(), "nothing is mapped at an odd address");
        if (auto page = some_page(one_))
            expect(!one_.map(Gpa{~u64{0} - (page_bytes - 1)}, std::move(*page)).ok(),
                   "nothing is mapped beyond the last address");
        if (auto page = some_page(one_))
            expect(!one_.map(second_place, std::move(*page), {false, true, false}).ok(),
                   "nothing can be written that cannot be read");
        expect(frames_.accounting(one_.owner()).guest_bytes == page_bytes, "what was refused was given back");
        expect(one_.unmap({first_place, page_bytes}).ok() && has_nothing(one_), "and the page itself");
    }

    void share() {
        auto page = some_page(one_);
        if (!page) return;
        auto const at = page->start();
        auto shared = frames_.share(std::move(*page));
        auto again = frames_.share_again(shared);
        expect(is_held(at, FrameState::shared), "a page is shared");
        expect(one_.map(first_place, std::move(shared)).ok() && two_.map(second_place, std::move(again)).ok(),
               "two have it");
        auto const first = one_.lookup(first_place);
        auto const second = two_.lookup(second_place);
        expect(first && second && first->at == at && second->at == at, "it is one page");
        expect(first && second && !first->how.may.write && !second->how.may.write, "none of them may write");
        expect(two_.protect({second_place, page_bytes}, isa::Permissions::all()).ok() &&
                   !two_.lookup(second_place)->how.may.write,
               "and none ever will");
        expect(!audit(one_, false) && !audit(two_, false), "both have it as they may");
        expect(one_.unmap({first_place, page_bytes}).ok() && is_held(at, FrameState::shared),
               "it stays while one has it");
        expect(two_.unmap({second_place, page_bytes}).ok() && is_held(at, FrameState::free),
               "it goes with the last");
    }

    void change_hands() {
        auto page = some_page(one_);
        if (!page) return;
        auto given = frames_.transfer(std::move(*page), two_.owner());
        expect(has_nothing(one_) && frames_.accounting(two_.owner()).guest_bytes == page_bytes,
               "a page changes hands");
        expect(two_.map(second_place, std::move(given)).ok() && !audit(two_, true), "its new owner maps it");
        expect(two_.unmap({second_place, page_bytes}).ok() && has_nothing(two_), "and gives it back");
    }

    void what_is_not_reserved() {
        auto page = some_page(one_);
        if (!page) return;
        auto adopted = frames_.adopt(page->start(), order_4k, two_.owner());
        expect(!adopted.ok(), "nobody adopts what somebody has");
        if (adopted) frames_.give_back(std::move(adopted).value());
        expect(!frames_.release_reserved({page->start(), page_bytes}).ok(),
               "what somebody has is not reserved memory that ends");
        frames_.give_back(std::move(*page));
    }

    // The pool it came from: no hart has to forget it.
    void change_pool() {
        auto granule = frames_.withdraw(Pool::guest);
        if (!granule) return;  // a small board
        auto const at = granule.value().range().start;
        auto const before = frames_.totals().free_guest_bytes;
        frames_.deposit(std::move(granule).value(), Pool::guest);
        expect(frames_.totals().free_guest_bytes == before + granule_bytes && is_held(at, FrameState::free),
               "a granule that was between the pools is free again");
    }

    Frames& frames_;
    Space one_, two_;
    SelfTest result_{};
};

}  // namespace

SelfTest self_test(Frames& frames, Tags& tags, isa::GStageMode mode, isa::Features const& features,
                   OwnerId one, OwnerId two) {
    return Check{frames, tags, one, two}.run(mode, features);
}

}  // namespace antler::memory
