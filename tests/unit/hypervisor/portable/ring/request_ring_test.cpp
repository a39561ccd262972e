// SPDX-License-Identifier: MIT
#include "portable/ring/request_ring.hpp"

#include <gtest/gtest.h>

#include <array>

namespace {
struct Request {
    abi::u64 id;
    abi::u32 what;
    abi::u32 pad;
};
struct Response {
    abi::u64 id;
};
using Front = hv::ring::FrontRing<Request, Response>;
using Back = hv::ring::BackRing<Request, Response>;

struct Rings : testing::Test {
    alignas(4096) std::array<std::byte, 4096> page{};
    Front front{page.data(), page.size()};
    hv::ring::BackIndices at;
    Back back{page.data(), page.size(), at};
    abi::io::RingHeader& header() { return *reinterpret_cast<abi::io::RingHeader*>(page.data()); }

    void SetUp() override { front.initialise(); }
};

TEST_F(Rings, HoldAPowerOfTwoOfEntries) {
    EXPECT_EQ((abi::io::ring_entries<Request, Response>(4096)), 128u);
    EXPECT_EQ(front.free_requests(), 128u);
}

TEST_F(Rings, CarryARequestThereAndAResponseBack) {
    front.put({.id = 7, .what = 1, .pad = 0});
    EXPECT_TRUE(front.push());
    auto request = back.take();
    ASSERT_TRUE(request.has_value());
    EXPECT_EQ(request->id, 7u);
    EXPECT_FALSE(back.take().has_value());
    back.put({.id = 7});
    EXPECT_TRUE(back.push());
    auto response = front.take();
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->id, 7u);
    EXPECT_TRUE(front.idle());
}

TEST_F(Rings, NotifyOnlyWhoAskedForIt) {
    front.put({});
    EXPECT_TRUE(front.push());
    front.put({});
    EXPECT_FALSE(front.push()) << "the back end has not asked again";
    EXPECT_TRUE(back.final_check()) << "requests wait";
    back.take();
    back.take();
    EXPECT_FALSE(back.final_check());
    front.put({});
    EXPECT_TRUE(front.push());
}

TEST_F(Rings, WrapManyTimesAround) {
    for (abi::u64 id = 0; id < 1000; id++) {
        front.put({.id = id, .what = 0, .pad = 0});
        (void)front.push();
        EXPECT_EQ(back.take()->id, id);
        back.put({.id = id});
        (void)back.push();
        EXPECT_EQ(front.take()->id, id);
    }
}

TEST_F(Rings, GiveNothingFromAFrontEndThatClaimsMoreThanFits) {
    header().req_prod = 129;
    EXPECT_FALSE(back.waiting().has_value());
    EXPECT_FALSE(back.take().has_value());
    EXPECT_TRUE(back.final_check()) << "whoever sleeps now would never look at it";
}

TEST_F(Rings, GiveNothingFromABackEndThatAnswersWhatWasNotAsked) {
    header().rsp_prod = 1;
    EXPECT_FALSE(front.waiting().has_value());
    EXPECT_FALSE(front.take().has_value());
    front.put({});
    EXPECT_FALSE(front.take().has_value()) << "it was not published yet";
}

TEST_F(Rings, TakeNoMoreThanTheRingCanAnswer) {
    for (int i = 0; i < 128; i++) { front.put({}); }
    (void)front.push();
    for (int i = 0; i < 128; i++) { EXPECT_TRUE(back.take().has_value()); }
    header().req_prod = 200;
    EXPECT_FALSE(back.take().has_value());
}

TEST_F(Rings, AreTakenUpWhereTheirOwnerSaysWhateverStandsInThePage) {
    for (abi::u64 id = 1; id <= 3; id++) front.put({.id = id, .what = 0, .pad = 0});
    (void)front.push();
    back.take();
    back.take();
    back.put({.id = 1});
    (void)back.push();
    header().rsp_prod = 77;
    Back second{page.data(), page.size(), at};
    second.resume();
    EXPECT_EQ(header().rsp_prod, 1u);
    EXPECT_EQ(second.take()->id, 3u) << "the first that was not taken";
    EXPECT_EQ(second.put({.id = 2}), 1u);
    (void)second.push();
    EXPECT_EQ(front.take()->id, 1u);
    EXPECT_EQ(front.take()->id, 2u);
}

TEST_F(Rings, AFrontEndThatGoesBackIsBroken) {
    for (int i = 0; i < 5; i++) front.put({});
    (void)front.push();
    for (int i = 0; i < 5; i++) EXPECT_TRUE(back.take().has_value());
    header().req_prod = 4;
    EXPECT_FALSE(back.waiting().has_value());
    EXPECT_FALSE(back.take().has_value());
}
}  // namespace
