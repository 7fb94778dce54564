//! Invented Chinese names, put together from syllables. None is meant to be anyone's.

use compact_str::{CompactString, format_compact};
use rand::Rng;
use rand::seq::IndexedRandom;

const HEADS: [&str; 30] = [
    "宏", "鑫", "瑞", "嘉", "恒", "盛", "悦", "晨", "锦", "祥", "裕", "丰", "泰", "荣", "凯", "佳",
    "隆", "腾", "铭", "博", "诚", "昌", "聚", "万", "永", "启", "亿", "卓", "麦", "森",
];
const TAILS: [&str; 30] = [
    "源", "达", "艺", "辉", "美", "通", "宝", "尔", "佰", "扬", "利", "华", "煌", "语", "朵", "彩",
    "乐", "旺", "航", "升", "莱", "格", "彤", "芸", "禾", "舟", "颂", "岚", "璟", "途",
];
const SELLER_FORMS: [&str; 5] = ["商行", "经营部", "贸易商行", "百货店", "有限公司"];
const WHOLESALE_FORMS: [&str; 3] = ["供应链有限公司", "贸易有限公司", "批发部"];
const BRAND_HEADS: [&str; 20] = [
    "小鹿", "青禾", "蓝屿", "暖星", "米朵", "云雀", "松果", "橙子", "北岸", "童鲸", "白桦", "星河",
    "半夏", "竹语", "晴野", "麦田", "海棠", "山月", "知了", "果粒",
];
const BRAND_TAILS: [&str; 8] = ["", "坊", "记", "优品", "生活", "之家", "派", "屋"];
/// Where producers sit, with the city of each. Several in Zhejiang, as short supply paths prevail.
const REGIONS: [(&str, &str); 16] = [
    ("浙江省", "永康市"),
    ("浙江省", "温州市"),
    ("浙江省", "慈溪市"),
    ("浙江省", "台州市"),
    ("浙江省", "金华市"),
    ("广东省", "汕头市"),
    ("广东省", "东莞市"),
    ("广东省", "佛山市"),
    ("广东省", "深圳市"),
    ("江苏省", "扬州市"),
    ("江苏省", "无锡市"),
    ("福建省", "晋江市"),
    ("河北省", "白沟镇"),
    ("山东省", "临沂市"),
    ("安徽省", "桐城市"),
    ("江西省", "赣州市"),
];

fn pick<'a>(list: &[&'a str], random: &mut impl Rng) -> &'a str {
    list.choose(random).copied().unwrap_or_default()
}

/// A shop's trade name（字号）: two or three syllables.
fn trade_name(random: &mut impl Rng) -> CompactString {
    let (first, second) = (pick(&HEADS, random), pick(&TAILS, random));
    if random.random_bool(0.25) {
        format_compact!("{first}{second}{}", pick(&TAILS, random))
    } else {
        format_compact!("{first}{second}")
    }
}

/// A seller of the city.
pub(crate) fn seller(trade: &str, random: &mut impl Rng) -> CompactString {
    format_compact!(
        "义乌市{}{trade}{}",
        trade_name(random),
        pick(&SELLER_FORMS, random)
    )
}

/// A maker of the city, for workshops in industrial parks.
pub(crate) fn workshop(trade: &str, random: &mut impl Rng) -> CompactString {
    let form = pick(&["厂", "制品厂", "科技有限公司"], random);
    format_compact!("义乌市{}{trade}{form}", trade_name(random))
}

/// A wholesaler that several booths buy from.
pub(crate) fn supplier(trade: &str, random: &mut impl Rng) -> CompactString {
    let seat = pick(&["浙江", "义乌市", "金华市", "杭州"], random);
    format_compact!(
        "{seat}{}{trade}{}",
        trade_name(random),
        pick(&WHOLESALE_FORMS, random)
    )
}

/// A producer's name and the region where it is registered.
pub(crate) fn producer(trade: &str, random: &mut impl Rng) -> (CompactString, CompactString) {
    let (province, city) = REGIONS
        .choose(random)
        .copied()
        .unwrap_or(("浙江省", "义乌市"));
    let name = format_compact!("{city}{}{trade}制造有限公司", trade_name(random));
    (name, format_compact!("{province}{city}"))
}

/// A trademark.
pub(crate) fn brand(random: &mut impl Rng) -> CompactString {
    format_compact!(
        "{}{}",
        pick(&BRAND_HEADS, random),
        pick(&BRAND_TAILS, random)
    )
}
