/**
 * Upstream's handleErrors: the first substring of the body that matches decides.
 * Each rule: [substring, type, message]; types: refresh_token, disconnect, bad_body, retry.
 */
const tiktok = [
  ['access_token_invalid', 'refresh_token', 'Access token invalid, please re-authenticate your TikTok account'],
  ['scope_not_authorized', 'refresh_token', 'Missing required permissions, please re-authenticate with all scopes'],
  ['rate_limit_exceeded', 'bad_body', 'TikTok API rate limit exceeded, please try again later'],
  ['video_pull_failed', 'bad_body', 'Failed to pull video from URL, please check the URL'],
  ['photo_pull_failed', 'bad_body', 'Failed to pull photo from URL, please check the URL'],
  ['spam_risk_user_banned_from_posting', 'bad_body', 'Account banned from posting, please check TikTok account status'],
  ['spam_risk_too_many_posts', 'bad_body', 'TikTok says your daily post limit reached, please try again tomorrow'],
  ['reached_active_user_cap', 'disconnect', 'Daily active user quota reached, please try again later'],
  [
    'unaudited_client_can_only_post_to_private_accounts',
    'bad_body',
    'App not approved for public posting, contact support',
  ],
  ['url_ownership_unverified', 'bad_body', 'You have to upload the picture/video to Postiz when sending a URL'],
  ['privacy_level_option_mismatch', 'bad_body', 'Privacy level mismatch, please check privacy settings'],
  ['picture_size_check_failed', 'bad_body', 'Picture size check failed, please check the picture size'],
  ['internal', 'bad_body', 'There is a problem with TikTok servers, please try again later'],
];

const instagram = [
  ['REVOKED_ACCESS_TOKEN', 'refresh_token', 'Something is wrong with your connected user, please re-authenticate'],
  ['session has been invalidated', 'refresh_token', 'Please re-authenticate your Instagram account'],
  ['2207003', 'bad_body', 'Timeout downloading media'],
  ['2207052', 'bad_body', 'Media fetch failed'],
  ['2207077', 'bad_body', 'Instagram Video download failed'],
  ['2207026', 'bad_body', 'Unsupported video format'],
  ['2207009', 'bad_body', 'Aspect ratio not supported, must be between 4:5 to 1.91:1'],
  ['2207042', 'bad_body', 'You have reached the maximum of 25 posts per day, allowed for your account'],
  ['2207051', 'bad_body', 'Instagram blocked your request'],
  ['2207001', 'bad_body', 'Instagram detected that your post is spam, please try again with different content'],
  ['190,', 'bad_body', 'Your account is missing some permissions, please re-add it and allow all permissions'],
];

const facebook = [
  ['Error validating access token', 'refresh_token', 'Please re-authenticate your Facebook account'],
  ['490', 'refresh_token', 'Access token expired, please re-authenticate'],
  ['1404078', 'refresh_token', 'Page publishing authorization required, please re-authenticate'],
  ['1366046', 'bad_body', 'Photos should be smaller than 4 MB and saved as JPG, PNG'],
  ['1390008', 'bad_body', 'You are posting too fast, please slow down'],
  ['1346003', 'bad_body', 'Content flagged as abusive by Facebook'],
  ['1366051', 'bad_body', 'These photos were already posted'],
  ['1363047', 'bad_body', 'Facebook service temporarily unavailable'],
];

const RULES = { tiktok, instagram, facebook };

/** Returns { type, message }; a 401 without a rule asks for a new token and has no message. */
export function classify(queue, status, body) {
  const rule = (RULES[queue] ?? []).find(([part]) => body.includes(part));
  if (rule) return { type: rule[1], message: rule[2] };
  if (status === 401) return { type: 'refresh_token', message: '' };
  if (status === 429 || status === 500) return { type: 'retry', message: 'Unknown Error' };
  return { type: 'bad_body', message: 'Unknown Error' };
}
